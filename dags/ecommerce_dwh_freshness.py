"""### Watches the age of the published data

Measures every hour how long ago the last published day ended. Sends a mail when the age exceeds `max_lag_hours` and no
failed or late run explains it, for example because `ecommerce_dwh_daily` is paused or never started; sends another when
the data is fresh again. Sends the age as the metric `PublishedLagHours`. Where the warehouse is paused at night,
queries it only while it is up (option `warehouse_hours`, which Terraform sets to the cluster's pause schedule).

1. **watch**: reads the published day, sends the metric, sends a mail where needed

This DAG needs the scheduler that it watches. A dead scheduler is detected by the CloudWatch alarm `stale`, which fires
when the metric is missing, or by cron: `python -m ecommerce_dwh.publishing.freshness --mail`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.publishing.freshness_task import FreshnessWatchOperator

with DAG(
    dag_id="ecommerce_dwh_freshness",
    dag_display_name="E-commerce warehouse: freshness watch",
    description="Mails when nothing was published for too long, also when no run happened at all",
    doc_md=__doc__,
    schedule="15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["ecommerce-dwh", "watch", "tier-1"],
    **dag_arguments(),
) as dag:
    FreshnessWatchOperator(task_id="watch", execution_timeout=timedelta(minutes=10))
