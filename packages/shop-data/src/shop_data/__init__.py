"""Data for the local warehouse: made up at any scale, or taken from real files.

``shop-data generate`` writes the five sources of an invented marketplace, ``load`` puts real data
sets into the raw bucket, and ``truth`` counts a raw folder in plain Python, so that tests can hold the pipeline
against numbers that it did not compute itself.
"""
