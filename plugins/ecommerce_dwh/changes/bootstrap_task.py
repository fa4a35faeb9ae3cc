"""Tasks of ``ecommerce_dwh_bootstrap``: the plan of changes, and its application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ecommerce_dwh.changes import logic
from ecommerce_dwh.warehouse.client import Warehouse, query_group
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sql_files import SqlFileError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ecommerce_dwh.changes.steps import Plan


def bootstrap_params() -> dict[str, Param]:
    """What a run of bootstrap may be told."""
    names = r"^[a-z0-9_]+(\.[a-z0-9_]+){0,2}$"
    return {
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Show the plan in the log of plan_changes; change nothing",
        ),
        "plan": Param(
            None,
            type=["null", "string"],
            title="Plan",
            description="Apply only the plan of this name, which a dry run has shown; another one is refused",
        ),
        "drop": Param(
            [],
            type="array",
            items={"type": "string", "pattern": names},
            title="Drop",
            description="Tables, views and columns that are no longer declared and may go with their data: "
            "schema.table or schema.table.column",
        ),
        "overwrite": Param(
            [],
            type="array",
            items={"type": "string", "pattern": names},
            title="Overwrite",
            description="Tables, views and schemas whose changes by hand are replaced by what is declared",
        ),
        "accept": Param(
            {},
            type="object",
            additionalProperties={"type": "string", "minLength": 5, "maxLength": 500},
            title="Accept",
            description="Tables whose rows stand although an earlier version of their SQL built them, each with the "
            "reason: "
            '{"facts.fact_sales": "only new statuses count otherwise"}',
        ),
        "lock_seconds": Param(
            120,
            type="integer",
            minimum=1,
            maximum=3600,
            title="Wait for locks (seconds)",
            description="How long a changed definition may wait for queries and loads that use its table",
        ),
    }


class _Changes(WarehouseOperator):
    """Base of both: reads the declarations and plans."""

    def plan_now(self, context: Context) -> Plan:
        # late imports: the SQL parser takes a fifth of a second, which reading the DAG file has no need of
        from ecommerce_dwh.changes import declared
        from ecommerce_dwh.changes.apply import plan_changes
        from ecommerce_dwh.changes.repairs import read_repairs

        params: dict[str, Any] = dict(context["params"])
        try:
            return plan_changes(
                self.warehouse(context),
                declared.read(),
                read_repairs(),
                params.get("drop") or [],
                params.get("overwrite") or [],
            )
        except SqlFileError as error:
            raise AirflowException(str(error)) from error


class PlanOperator(_Changes):
    """Show what differs between the declarations and the warehouse, in words and SQL; changes nothing."""

    def execute(self, context: Context) -> dict[str, Any]:
        plan = self.plan_now(context)
        for line in plan.text().splitlines():
            self.log.info("%s", line)
        wanted = context["params"].get("plan")
        if wanted and wanted != plan.name:
            raise AirflowFailException(
                f"the plan is {plan.name} now, not {wanted}: declarations or catalogue changed; read the new one above"
            )
        if plan.refused and not context["params"].get("dry_run"):
            raise AirflowFailException(
                "the plan is refused:\n" + "\n".join(f"- {words}" for words in plan.refused)
            )
        return {
            "plan": plan.name,
            "changes": [words for step in plan.steps for words in step.words],
            "repairs": [repair.file for repair in plan.repairs],
            "out_of_date": plan.out_of_date,
            "left": plan.left,
            "refused": plan.refused,
        }


class ApplyOperator(_Changes):
    """Apply exactly the plan that the task before has shown.

    Args:
        planned: what `PlanOperator` has returned (templated).
    """

    template_fields = (*WarehouseOperator.template_fields, "planned")

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> dict[str, list[str]]:
        from ecommerce_dwh.changes.apply import Application, ChangeError  # late import: parses SQL

        if context["params"].get("dry_run"):
            raise AirflowSkipException("a dry run changes nothing; the log of plan_changes has the plan")
        plan = self.plan_now(context)
        changes = {words for step in plan.steps for words in step.words}
        # A try that was killed has applied a part of the plan: what is left must be the rest of it.
        rest = context["ti"].try_number > 1 and changes <= set(self.planned["changes"])
        if plan.name != self.planned["plan"] and not rest:
            raise AirflowFailException(
                f"declarations or catalogue changed since the plan {self.planned['plan']} was made; nothing was "
                "applied. Run ecommerce_dwh_bootstrap again"
            )
        seconds = float(context["params"].get("lock_seconds") or 120)
        timeout = self.execution_timeout.total_seconds() if self.execution_timeout else 0
        quick = Warehouse(
            self.conn_id,
            tag=query_group(context),
            statement_timeout=seconds,
            max_attempts=self.max_attempts,
            backoff_seconds=self.backoff_seconds,
            log=self.log,  # type: ignore[arg-type]
        )
        application = Application(
            plan,
            self.warehouse(context),
            quick=quick,
            lock_seconds=seconds,
            slow_seconds=timeout,
            log=self.log,  # type: ignore[arg-type]
        )
        try:
            applied = application.run()
        except ChangeError as error:
            raise AirflowException(str(error)) from error
        accepted: dict[str, str] = context["params"].get("accept") or {}
        known = {
            table for table, _ in self.warehouse(context).transaction(lambda c: logic.out_of_date(c.query))
        }
        for table, reason in accepted.items():
            if table in known:
                self.warehouse(context).transaction(partial(logic.accept, table=table, reason=reason))
                applied.append(f"{table}: rows of an earlier version accepted: {reason}")
            else:
                self.log.info("%s is not out of date; there is nothing to accept", table)
        return {"applied": applied, "left": plan.left}
