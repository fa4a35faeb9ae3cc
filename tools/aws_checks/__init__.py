"""Checks of an AWS account before the first apply (``tools/preflight.py``) and after it (``tools/verify.py``).

```
report.py      one line per check: green, yellow or red, and what to do
aws.py         clients, and what a refused, throttled or unreachable call means for a line
rendered.py    every name and policy of an environment, as Terraform renders them without AWS
before*.py     what must be true before the first apply
after*.py      what must be true after it
```
"""
