"""### Checks the days of a backfill

Lists which days of a range are loaded, can be loaded, or lack required files; during a backfill the list shows its
progress. Changes nothing. In a shell,
`python -m ecommerce_dwh.care.preflight` prints the same.

1. **survey**: lists the raw bucket, reads the ledger, and logs a calendar of the days with the missing files
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from ecommerce_dwh.care.preflight_task import PreflightOperator
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.window import window_params

with DAG(
    dag_id="ecommerce_dwh_preflight",
    dag_display_name="E-commerce warehouse: preflight of a backfill",
    description="Lists which days of a range are loaded, ready, or lack files; changes nothing",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,  # started by hand: a run of a paused DAG would wait without a word
    params=window_params(),
    tags=["ecommerce-dwh", "backfill"],
    **dag_arguments(),
) as dag:
    PreflightOperator(task_id="survey", execution_timeout=timedelta(minutes=30))
