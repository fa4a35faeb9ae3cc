"""### Creates the warehouse

Run once before the first load, and again after every deployment that changes a definition in `include/sql`. Safe to
repeat: it applies what is new or changed and leaves the rest.

1. **apply_ddl**: schemas, roles, tables, views and grants, each in one transaction, noted in
   `quality.schema_migrations`
2. **load_dim_date**: the calendar 2009 to 2035 with ISO weeks, the fiscal year from April, and India's public holidays

Data is never dropped here.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.warehouse.bootstrap import CalendarOperator, MigrationOperator

with DAG(
    dag_id="ecommerce_dwh_bootstrap",
    dag_display_name="E-commerce warehouse: bootstrap",
    description="Creates schemas, roles, tables, views and the calendar; safe to repeat",
    doc_md=__doc__,
    schedule=None,
    tags=["ecommerce-dwh", "setup"],
    **dag_arguments(),
) as dag:
    apply_ddl = MigrationOperator(task_id="apply_ddl", execution_timeout=timedelta(minutes=30))
    load_dim_date = CalendarOperator(task_id="load_dim_date", execution_timeout=timedelta(minutes=15))

    apply_ddl >> load_dim_date
