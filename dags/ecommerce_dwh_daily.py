"""### Daily load of the e-commerce warehouse

Loads the day that ended (or a range of days, see the Params) from the raw bucket into Redshift and publishes it.

1. **wait_for_raw**: waits until every required source has delivered a file, or declared an empty day
2. **crawl_raw**: the Glue crawler records the day's files and their columns in the catalogue
3. **check_schema_drift**: compares the columns with the source contracts; a missing required column, or a column of
   another type, fails the run
4. **process_data**: the Glue job casts, quarantines and deduplicates, and counts every row in a ledger
5. **assess_quality**: the Glue job evaluates all quality rules and writes the report
6. **quality_gate**: fails if a rule of severity *error* failed, unless a person overrides it with a reason (Param)
7. **load_staging**: one COPY per source, then the run's slices in `history` are replaced
8. **merge_dimensions**: customers and products (SCD type 2)
9. **merge_facts**: sales (with their places) and web events, then inventory
10. **audit**: SQL checks and reconciliation; nothing is published before they pass
11. **refresh_views**: updates analytics for the touched keys, and the published day, in one transaction
12. **publish**: assets, metrics, and a summary in the log

Every task can be repeated; runs, cleared tasks and backfills in any order give the same result. Readers see the last
published day until step 11 commits. Failures and missed deadlines are mailed; the runbooks are in `docs/runbooks.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, TaskGroup

from ecommerce_dwh.alerts.callbacks import daily_deadline
from ecommerce_dwh.dag_defaults import dag_arguments, daily_schedule
from ecommerce_dwh.lake.crawler import GlueCrawlerOperator
from ecommerce_dwh.lake.drift_task import SchemaDriftOperator
from ecommerce_dwh.lake.glue import GlueJobOperator, job_arguments
from ecommerce_dwh.lake.sensors import RawFilesSensor
from ecommerce_dwh.publishing.publish_task import PublishOperator
from ecommerce_dwh.quality.gate import DataQualitySensor, gate_params
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.audits import WarehouseAuditOperator
from ecommerce_dwh.warehouse.operators import RedshiftSQLOperator, merge_tasks
from ecommerce_dwh.window import window_params

settings = get_settings()

with DAG(
    dag_id="ecommerce_dwh_daily",
    dag_display_name="E-commerce warehouse: daily load",
    description="Loads a day, or a range of days, from raw files to published analytics",
    doc_md=__doc__,
    schedule=daily_schedule(),
    # As far back as the calendar reaches, so that all history can be backfilled.
    start_date=datetime(2009, 1, 1, tzinfo=UTC),
    params={**window_params(), **gate_params()},
    deadline=daily_deadline(),
    tags=["ecommerce-dwh", "daily", "tier-1"],
    **dag_arguments(),
) as dag:
    wait_for_raw = RawFilesSensor(
        task_id="wait_for_raw",
        execution_timeout=timedelta(minutes=settings.raw_timeout_minutes + 10),
        doc_md="Which sources a day needs is in `include/sources`; `_EMPTY` declares an idle day.",
    )

    crawl_raw = GlueCrawlerOperator(
        task_id="crawl_raw",
        crawler_name=settings.crawler,
    )

    check_schema_drift = SchemaDriftOperator(
        task_id="check_schema_drift",
        execution_timeout=timedelta(minutes=10),
    )

    process_data = GlueJobOperator(
        task_id="process_data",
        job_name=settings.processing_job,
        script_args=job_arguments(),
        execution_timeout=timedelta(hours=6),  # a range may hold years
    )

    assess_quality = GlueJobOperator(
        task_id="assess_quality",
        job_name=settings.quality_job,
        script_args=job_arguments(),
        execution_timeout=timedelta(hours=3),
    )

    quality_gate = DataQualitySensor(
        task_id="quality_gate",
        mails_warnings=True,
        execution_timeout=timedelta(minutes=20),
        doc_md="The link *Quality report* opens the report that was judged.",
    )

    with TaskGroup(
        "load_staging", tooltip="COPY from the processed bucket, then replace the run's days"
    ) as load_staging:
        copies = [
            RedshiftSQLOperator(task_id=f"copy_{name}", sql=f"staging/stg_{name}/copy.sql")
            for name in (*settings.sources, "ledger", "check_result")
        ]
        # All sources at once: history never holds half a day.
        copies >> RedshiftSQLOperator(task_id="replace_slices", sql="history/replace_slices.sql")

    with TaskGroup("merge_dimensions", tooltip="Versions of customers and products") as merge_dimensions:
        # dim_geography has no task: fact_sales keeps it in its own transaction.
        dimensions = merge_tasks("dimensions")

    with TaskGroup("merge_facts", tooltip="Sales, web events and stock of the touched keys") as merge_facts:
        facts = merge_tasks("facts")  # days of supply after sales: each file says what it comes after

    audit = WarehouseAuditOperator(task_id="audit")

    refresh_views = RedshiftSQLOperator(task_id="refresh_views", sql="analytics/refresh.sql")

    publish = PublishOperator(
        task_id="publish",
        rows_from={table: task.task_id for table, task in (dimensions | facts).items()},
        execution_timeout=timedelta(minutes=10),
    )

    wait_for_raw >> crawl_raw >> check_schema_drift >> process_data >> assess_quality >> quality_gate
    quality_gate >> load_staging >> merge_dimensions >> merge_facts >> audit >> refresh_views >> publish
