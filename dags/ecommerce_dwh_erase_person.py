"""### Erases a person

Erases one customer from lake and warehouse (right to erasure, GDPR article 17). A run is a dry run by default and
only lists the changes. Rows and amounts stay: in the person's rows a random pseudonym replaces the customer key, and
personal fields are emptied. No other person's row changes.

A Param names the request. The request object holds the key, and is deleted at every end of the run:
`aws s3 cp request.json s3://<processed>/erasures/requests/<name>.json`, with `{"customer_id": "…", "reason": "…"}`.

1. **survey**: reads the request, and the values that the warehouse has of the person
2. **search_files**: the Glue job looks for traces in every raw and processed file, older versions included
3. **plan**: lists the traces by place, and the questions that a person must answer; a dry run ends here
4. **rewrite_files**: the Glue job rewrites the raw files and removes traces from processed ones
5. **erase_warehouse**: history, staging and quality tables, in one transaction
6. **reload_days**: runs `ecommerce_dwh_daily` for the days whose files changed, so that the warehouse agrees with the
   raw files again
7. **verify_files**: the Glue job searches for traces again
8. **verify**: fails while traces are left; otherwise records the erasure in `quality.erasures`
9. **forget_request**: deletes the request and the person's values, however the run ends

The next run for the same person continues an interrupted erasure. An erasure cannot be undone. `docs/erasure.md` lists
the other places that hold personal data.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

from ecommerce_dwh.alerts.callbacks import mail_run_failure
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.erasure.erase_task import (
    EraseWarehouseOperator,
    ErasurePlanOperator,
    ErasureSurveyOperator,
    ErasureVerifyOperator,
    erasure_arguments,
    erasure_params,
)
from ecommerce_dwh.erasure.requests_task import ForgetRequestOperator, forget_request
from ecommerce_dwh.lake.glue import GlueJobOperator
from ecommerce_dwh.settings import get_settings

settings = get_settings()

with DAG(
    dag_id="ecommerce_dwh_erase_person",
    dag_display_name="E-commerce warehouse: erase a person",
    description="Erases one customer from lake and warehouse; a dry run by default",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,  # started by hand: a run of a paused DAG would wait without a word
    params=erasure_params(),
    tags=["ecommerce-dwh", "governance"],
    **{**dag_arguments(), "on_failure_callback": [mail_run_failure, forget_request]},
) as dag:
    survey = ErasureSurveyOperator(task_id="survey", execution_timeout=timedelta(minutes=30))

    search_files, rewrite_files, verify_files = (
        GlueJobOperator(
            task_id=task_id,
            job_name=settings.erasure_job,
            script_args=erasure_arguments(mode),
            execution_timeout=timedelta(hours=6),
        )
        for task_id, mode in (
            ("search_files", "search"),
            ("rewrite_files", "erase"),
            ("verify_files", "verify"),
        )
    )

    plan = ErasurePlanOperator(
        task_id="plan",
        execution_timeout=timedelta(minutes=30),
        retries=12,  # waits for a daily run to end
        retry_delay=timedelta(minutes=5),
    )

    erase_warehouse = EraseWarehouseOperator(task_id="erase_warehouse", execution_timeout=timedelta(hours=1))

    reload_days = TriggerDagRunOperator.partial(
        task_id="reload_days",
        trigger_dag_id="ecommerce_dwh_daily",
        trigger_run_id="erasure__{{ dag_run.run_id }}__{{ ti.map_index }}",
        logical_date=None,
        reset_dag_run=True,  # a retry runs the same days again, in the same run
        fail_when_dag_is_paused=True,
        wait_for_completion=True,
        deferrable=True,
        poke_interval=settings.poll_seconds,
        retries=1,
        execution_timeout=timedelta(hours=6),
    ).expand(conf=erase_warehouse.output)

    verify = ErasureVerifyOperator(task_id="verify", execution_timeout=timedelta(minutes=30))

    # Also in a run that fails, is skipped, or is marked failed by hand; what it does says nothing of the run's success.
    forget = ForgetRequestOperator(
        task_id="forget_request", execution_timeout=timedelta(minutes=15), retries=5
    ).as_teardown()

    survey >> search_files >> plan >> rewrite_files >> erase_warehouse
    reload_days >> verify_files >> verify >> forget
