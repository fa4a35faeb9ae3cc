"""Operators of the DAGs: thin adapters over the pure functions beside this package."""
