"""``python -m local.stack.preloaded scheduler``: an Airflow component that imports other people's packages once.

The scheduler's LocalExecutor and the DAG processor fork a process for each task and each DAG file. A package that is
imported before the fork is there at once in every child; a task's start takes about a third of the processor time that
way. The project's own modules are left to the children, so that a change to them holds from the next task on.
Everything else is ``airflow <component>``: the same command, configuration and log.
"""

from __future__ import annotations

import importlib
import sys

from local.config import keep_private

# All that DAG files, operators and hooks of the project import and that Airflow itself has not imported by then.
MODULES = (
    "airflow.api_fastapi.auth.managers.models.resource_details",
    "airflow.dag_processing.dagbag",
    "airflow.providers.amazon.aws.assets.redshift",
    "airflow.providers.amazon.aws.assets.s3",
    "airflow.providers.amazon.aws.hooks.redshift_sql",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.amazon.aws.hooks.sns",
    "airflow.providers.amazon.aws.operators.glue",
    "airflow.providers.amazon.aws.operators.glue_crawler",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.openlineage.extractors",
    "airflow.providers.openlineage.plugins.listener",
    "airflow.providers.openlineage.plugins.openlineage",
    "airflow.providers.postgres.assets.postgres",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.smtp.hooks.smtp",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.standard.triggers.temporal",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.plugins_manager",
    "boto3.s3.inject",
    "redshift_connector",
)


def preload() -> None:
    """Import the modules; none of them starts a thread, which a fork would lose."""
    for name in MODULES:
        importlib.import_module(name)


def main() -> None:
    """Run the component named by the first argument until a signal comes; the arguments are those of ``airflow``."""
    from airflow.__main__ import main as airflow_command  # late import: the Airflow environment alone has it

    keep_private()
    preload()
    sys.argv = ["airflow", *sys.argv[1:]]
    airflow_command()


if __name__ == "__main__":
    main()
