"""Turns exports of shop systems into the tables that an e-commerce warehouse loads.

``shop_import.cli`` is the command; ``convert.convert`` is the same from Python.
"""
