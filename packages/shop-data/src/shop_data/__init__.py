"""Raw files of an online shop: generated at any scale, or taken from real data sets.

``shop-data generate`` writes the five sources of an invented marketplace, ``load`` lands real data sets in the same
layout, and ``truth`` counts a raw folder in plain Python, so that tests can compare a pipeline with numbers that the
pipeline did not compute.
"""
