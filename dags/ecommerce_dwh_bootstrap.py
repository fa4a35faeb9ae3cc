"""### Creates and changes the warehouse

Run once before the first load, and again after every deployment that changes `include/sql` or a contract. Safe to
repeat: what is as declared is left alone. [Changing things](changing-things.md) says what a change becomes.

1. **plan_changes**: compares what `include/sql` declares with the catalogue, and shows the difference in words and SQL
2. **apply_ddl**: applies exactly that plan, each step in one transaction; refuses if the catalogue moved meanwhile
3. **load_dim_date**: the calendar 2009 to 2035 with ISO weeks, the fiscal year from April, and India's public holidays

*Dry run* shows the plan and changes nothing. No column, table or view is dropped unless *Drop* names it, and what was
changed in the catalogue by hand is named and left unless *Overwrite* names it. A run that was killed is run again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from ecommerce_dwh.changes.bootstrap_task import ApplyOperator, PlanOperator, bootstrap_params
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.warehouse.bootstrap import CalendarOperator

with DAG(
    dag_id="ecommerce_dwh_bootstrap",
    dag_display_name="E-commerce warehouse: bootstrap",
    description="Creates and changes schemas, roles, tables, views and the calendar; safe to repeat",
    doc_md=__doc__,
    schedule=None,
    params=bootstrap_params(),
    tags=["ecommerce-dwh", "setup"],
    **dag_arguments(),
) as dag:
    plan_changes = PlanOperator(task_id="plan_changes", execution_timeout=timedelta(minutes=15))
    apply_ddl = ApplyOperator(
        task_id="apply_ddl", planned=plan_changes.output, execution_timeout=timedelta(hours=6)
    )
    load_dim_date = CalendarOperator(task_id="load_dim_date", execution_timeout=timedelta(minutes=15))

    apply_ddl >> load_dim_date
