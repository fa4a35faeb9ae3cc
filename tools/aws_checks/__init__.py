"""Checks of an AWS account before the first apply (``tools/preflight.py``) and after it (``tools/verify.py``).

```
report.py      one line per check: green, yellow or red, and what to do
aws.py         clients, and what a refused, throttled or unreachable call means for a line
rendered.py    every name and policy of an environment, as Terraform renders them without AWS
before.py      names, regions, zones, sign-in and state before the first apply
quotas.py      what the environment takes of the account's quotas
policies.py    every policy through Access Analyzer, and IAM's size limits
after.py       what must be true after the first apply: role, Airflow, warehouse, alarms
network.py     subnets, routes, access lists, security group, endpoints
warehouse.py   statements on the warehouse by the Data API
canary.py      one product through S3, Glue and Redshift, and away again
```
"""
