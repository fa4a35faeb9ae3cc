"""The Spark library behind the two Glue jobs.

Pure functions over DataFrames (`reading`, `casting`, `dedup`, `sessions`, `ledger`, `rules`), with input and output
kept at the edge (`storage`, `processing`, `quality`). Shipped to Glue as ``ecommerce_dwh_glue.zip`` together with
the contracts as JSON; needs PySpark 3.5 or newer and boto3, nothing else.
"""
