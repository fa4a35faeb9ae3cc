"""The Spark side of the quality rules: one module per kind, of the name that contracts give it; `table` lists them.

The arguments of a kind, and which are valid, belong to the contracts (`ecommerce_dwh.contracts`).
"""
