"""The raw bucket and AWS Glue: keys, inventories, limits, drift, ingestion, and the tasks that wait for them."""
