"""The raw bucket and AWS Glue: keys, inventories, drift, ingestion, and the tasks that wait for them."""
