"""### Watches the age of the published data

Every hour: how long ago did the last published day end? Mails when that is longer than `max_lag_hours` allows and no
failed or late run explains it, for example because `ecommerce_dwh_daily` is paused or never started; and again when the
data is fresh. Sends the age as the metric `PublishedLagHours`.

1. **watch**: read the published day, send the metric, mail if need be

It shares the scheduler with what it watches. A dead scheduler is noticed by the CloudWatch alarm `stale`, which takes
silence of the metric for an alarm, or by cron: `python -m ecommerce_dwh.publishing.freshness --mail`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.publishing.freshness_operator import FreshnessWatchOperator

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
