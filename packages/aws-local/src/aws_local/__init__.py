"""An AWS endpoint on one machine: S3, Glue, SNS, SES, Secrets Manager, CloudWatch … with state that is kept.

S3 (``s3``, ``store``) and Glue crawlers and jobs (``crawlers``, ``jobs``) are implemented here: crawls read files, runs
start Spark, objects outlive a crash. All other services, and the Glue Data Catalog, are moto's.

``server``      one port for all services, chosen by the request's signature
``doors``       which HTTP requests are accepted; ``signatures`` checks Signature Version 4
``settings``    address, keys and folders; ``cli`` and ``running`` start the endpoint
``s3``          S3's REST interface; ``store`` keeps the objects
``jobs``        Glue jobs and runs; ``runner`` owns a run's process, ``spark`` the runtime
``crawlers``    Glue crawlers; ``crawl`` reads one target, ``inference`` the schema of a file
``mwaa``        MWAA's API
``moto_state``  moto's services kept across restarts; ``terraform_gaps`` and ``iam`` complete them
"""
