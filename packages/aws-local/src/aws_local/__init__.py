"""The laptop's AWS: an S3, Glue, SNS, SES, Secrets Manager, CloudWatch … endpoint that keeps its state.

S3 (``s3``, ``store``) and Glue crawlers and jobs (``crawlers``, ``jobs``) are our own, because the product
needs them to be real: crawls that read files, runs that start Spark, objects that outlive a crash. Everything
else, and the Glue Data Catalog, is moto's.
"""
