"""### Replays quarantined rows

Brings rows back from quarantine by running their days again, after a contract, a rule or a file was fixed. A run is
a dry run by default: the log of the first task lists what would be replayed.

1. **survey**: lists the rows in quarantine by day, source and reason, of the run that the ledger names for each day
2. **replay_days**: one run of `ecommerce_dwh_daily` per range of days, from the raw files on; skipped in a dry run
3. **result**: how many rows left the quarantine, by the warehouse's ledger

Choose days with *First day* and *Last day*, narrow down by *Source* and *Reason*, read the list, then trigger
again with *Dry run* off. A replay without a fix changes nothing, and neither does a second replay.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

from ecommerce_dwh.care.replay_task import ReplayResultOperator, ReplaySurveyOperator, replay_params
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.settings import get_settings

with DAG(
    dag_id="ecommerce_dwh_replay",
    dag_display_name="E-commerce warehouse: replay",
    description="Brings rows back from quarantine after a fix; a dry run by default",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,  # started by hand: a run of a paused DAG would wait without a word
    params=replay_params(),
    tags=["ecommerce-dwh", "quality"],
    **dag_arguments(),
) as dag:
    survey = ReplaySurveyOperator(task_id="survey", execution_timeout=timedelta(minutes=15))

    replay_days = TriggerDagRunOperator.partial(
        task_id="replay_days",
        trigger_dag_id="ecommerce_dwh_daily",
        trigger_run_id="replay__{{ dag_run.run_id }}__{{ ti.map_index }}",
        logical_date=None,  # several ranges may start in the same second; a logical date must be unique
        reset_dag_run=True,  # a retry runs the same days again, in the same run
        fail_when_dag_is_paused=True,  # rather than wait for a run that nobody starts
        wait_for_completion=True,
        deferrable=True,
        poke_interval=get_settings().poll_seconds,
        retries=1,
        execution_timeout=timedelta(hours=6),
    ).expand(conf=survey.output)

    result = ReplayResultOperator(task_id="result", execution_timeout=timedelta(minutes=15))

    replay_days >> result
