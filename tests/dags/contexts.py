"""A task's context without a scheduler: what operators and sensors read of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred


class TaskInstance(SimpleNamespace):
    """Stands in for Airflow's task instance; XComs live in a dict."""

    def __init__(self, dag_id: str, task_id: str, run_id: str, **more: Any) -> None:
        super().__init__(
            dag_id=dag_id,
            task_id=task_id,
            run_id=run_id,
            try_number=1,
            map_index=-1,
            start_date=datetime.now(UTC),
            log_url=f"http://airflow/dags/{dag_id}/runs/{run_id}/tasks/{task_id}?try_number=1",
            xcoms={},
            states={},
            breadcrumbs=[],
            **more,
        )

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(
        self, task_ids: str | None = None, key: str = "return_value", run_id: str | None = None
    ) -> Any:
        return self.xcoms.get((task_ids or self.task_id, key))

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: self.states}

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self.breadcrumbs


class Events(dict):
    """Outlet events by asset."""

    def __missing__(self, asset):
        keys: list[str] = []
        self[asset] = SimpleNamespace(extra={}, partition_keys=keys, add_partitions=keys.extend)
        return self[asset]


def context_of(
    task: Any, *, params: dict[str, Any] | None = None, run_id: str = "manual__1", **more: Any
) -> dict[str, Any]:
    """The context of a task of the run for 2026-03-01."""
    dag_run = SimpleNamespace(
        dag_id=task.dag_id,
        run_id=run_id,
        run_after=datetime(2026, 3, 2, 2, tzinfo=UTC),
        data_interval_start=datetime(2026, 3, 1, 2, tzinfo=UTC),
        start_date=datetime.now(UTC),
        partition_key=None,
        conf=params or {},
        run_type="scheduled",
    )
    ti = TaskInstance(task.dag_id, task.task_id, run_id)
    return {
        "dag": task.dag,
        "dag_run": dag_run,
        "run_id": run_id,
        "ti": ti,
        "task": task,
        "params": params or {},
        "outlet_events": Events(),
        **more,
    }


def in_dag(operator: Any, **arguments: Any) -> Any:
    """An operator in a DAG of its own."""
    with DAG("test_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        return operator(**{"task_id": "task", **arguments})


def execute(task: Any, context: dict[str, Any]) -> Any:
    """Render and run a task; a deferral is carried out inline, the way the triggerer would."""
    import asyncio

    task.render_template_fields(context, task.dag.get_template_env())
    method, arguments = task.execute, {}
    while True:
        try:
            return method(context, **arguments)
        except TaskDeferred as deferred:
            event = asyncio.run(_first_event(deferred.trigger))
            context["ti"].deferrals = [*getattr(context["ti"], "deferrals", []), deferred.trigger]

            def method(context, *, name=deferred.method_name, **kwargs):
                return task.resume_execution(name, kwargs, context)

            arguments = {"event": event.payload, **(deferred.kwargs or {})}


async def _first_event(trigger: Any) -> Any:
    # Recreated from its serialised form, as in the triggerer.
    from airflow.sdk._shared.module_loading import import_string

    path, arguments = trigger.serialize()
    async for event in import_string(path)(**arguments).run():
        return event
    raise AssertionError("the trigger ended without an event")
