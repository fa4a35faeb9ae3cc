"""### Weekly housekeeping

Keeps warehouse and lake fast and small. No task changes the data that readers see.

1. **stop_orphan_runs**: stops Glue runs whose task is no longer alive
2. **remove_unreferenced_files**: orphaned files that no manifest names, and files beyond their retention
3. **check_storage**: lifecycle and versioning of the buckets; fails when a rule would delete raw files
4. **clean_staging**, **care_for_tables**: abandoned rows of staging; VACUUM and ANALYZE of the tables that need it
5. **wait_until_published**, **full_audits**: the audits that read the whole warehouse. They wait while a run is between
   facts and refresh; after an hour they are skipped, and the pending work is the reason in the log
6. **forget_old_requests**: deletes requests of erasures that were never run, and findings of old erasures
7. **report_slow_queries**: the slowest queries of the week

Tasks that delete or stop something (1, 2, 4, 6) only list it when a person starts the run, unless the Param *Dry run*
is set to false. In scheduled runs they act.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from ecommerce_dwh.care.maintenance_task import (
    SlowQueryReport,
    StagingCleanupOperator,
    TableCareOperator,
    WarehouseIdleSensor,
    WholeWarehouseAudit,
    maintenance_params,
)
from ecommerce_dwh.care.storage_task import OrphanRunsOperator, StorageCheckOperator, UnreferencedFilesOperator
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.erasure.requests_task import OldRequestsOperator

with DAG(
    dag_id="ecommerce_dwh_maintenance",
    dag_display_name="E-commerce warehouse: maintenance",
    description="Vacuums, analyses, audits and removes old files, once a week",
    doc_md=__doc__,
    # Sunday, hours after the night's load and after Redshift's maintenance window (07:00 UTC).
    schedule="0 10 * * 0",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params=maintenance_params(),
    tags=["ecommerce-dwh", "maintenance"],
    **dag_arguments(),
) as dag:
    OrphanRunsOperator(task_id="stop_orphan_runs", execution_timeout=timedelta(minutes=15))
    UnreferencedFilesOperator(task_id="remove_unreferenced_files", execution_timeout=timedelta(hours=2))
    StorageCheckOperator(task_id="check_storage", execution_timeout=timedelta(minutes=5))
    OldRequestsOperator(task_id="forget_old_requests", execution_timeout=timedelta(minutes=15))
    SlowQueryReport(task_id="report_slow_queries", execution_timeout=timedelta(minutes=15))

    clean_staging = StagingCleanupOperator(task_id="clean_staging", execution_timeout=timedelta(minutes=30))
    care_for_tables = TableCareOperator(task_id="care_for_tables", execution_timeout=timedelta(hours=4))

    wait_until_published = WarehouseIdleSensor(
        task_id="wait_until_published", timeout=timedelta(hours=3), execution_timeout=timedelta(hours=4)
    )
    full_audits = WholeWarehouseAudit(task_id="full_audits", execution_timeout=timedelta(hours=3))

    clean_staging >> care_for_tables
    wait_until_published >> full_audits
