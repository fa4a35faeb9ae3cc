"""The Spark library behind the Glue jobs, one folder per subject; imports go down this list only.

* `processing`, `quality`, `erasure`: the jobs. `run` (or `job`) orchestrates, the modules beside it are its steps.
* `reading`: raw files, listed, surveyed, and read into rows of text.
* `rows`: rows of text into typed, judged, deduplicated rows; SQL expressions and the steps that use them.
* `rules`: the quality rules, one module per kind.
* `job`, `manifest`, `storage`, `literals`: arguments and session, COPY manifests, the object store, literals of SQL.

Shipped to Glue as ``ecommerce_dwh_glue.zip`` together with the contracts as JSON; needs PySpark 3.5 or newer and boto3,
nothing else.
"""
