"""Generators of the files that follow from contracts, DAGs and SQL; ``python -m tools.generate`` runs all of them."""
