"""Runs the audits: nothing is published before they pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.privacy.masking import shown_cell
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sql_text import Audit, parse_audit, split_statements
from ecommerce_dwh.window import load_window

if TYPE_CHECKING:
    from airflow.sdk import Context

_SAMPLE_BYTES = 4000  # width of quality.audit_results.sample


class AuditError(AirflowException):
    """Audits of severity ``fail`` found rows that break their rule."""


class WarehouseAuditOperator(WarehouseOperator):
    """Run every audit below ``include/sql/<folder>``; fail unless all audits of severity ``fail`` pass.

    Every outcome is written to ``quality.audit_results``. If none failed, ``quality.warehouse_state`` gets the number
    of merges before the audits began, so that later merges are not published without an audit.

    Args:
        files: pattern of the audit files below ``include/sql``.
        sample_rows: how many offending rows an audit shows, the first ones by its first column.
        sessions: how many audits run at once.
        mark_audited: whether passing counts for publishing.
    """

    ui_color = "#dff3e3"

    def __init__(
        self,
        *,
        files: str = sql_files.AUDITS,
        sample_rows: int = 5,
        sessions: int = 2,
        mark_audited: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.files = files
        self.sample_rows = sample_rows
        self.sessions = sessions
        self.mark_audited = mark_audited

    def execute(self, context: Context) -> dict[str, Any]:
        audits = self._audits(context)
        warehouse = self.warehouse(context)
        merge_seq = warehouse.transaction(self._merge_seq)
        # The longest text first: mostly it runs longest, and should not be what all others wait for in the end.
        groups: dict[str, list[Audit]] = {}
        for audit in sorted(audits, key=lambda audit: (not audit.reads, -len(audit.query))):
            groups.setdefault(audit.reads or audit.name, []).append(audit)
        jobs = [partial(self._check_all, group, self._reading(group[0], context)) for group in groups.values()]
        found = chain.from_iterable(warehouse.share_out(jobs, sessions=self.sessions))
        outcomes = sorted(found, key=itemgetter("audit"))
        failed = [outcome for outcome in outcomes if outcome["violations"] and outcome["severity"] == "fail"]
        window = load_window(context)

        def write(cursor: Cursor) -> None:
            if self.mark_audited and not failed:
                cursor.run(self.control_sql("audit_lock"))
                cursor.run(self.control_sql("audited"), (merge_seq, merge_seq))
            names = ("audit", "severity", "violations", "sample")
            rows = [(window.run_key, *(outcome[name] for name in names)) for outcome in outcomes]
            cursor.insert(self.control_sql("audit_result_insert"), rows)

        warehouse.transaction(write)
        self._log_table(outcomes)
        if failed:
            raise AuditError(_failure_text(failed))
        return {
            "audits": len(outcomes),
            "warnings": [outcome["audit"] for outcome in outcomes if outcome["violations"]],
            "merge_seq": merge_seq,
        }

    def _merge_seq(self, cursor: Cursor) -> int:
        return int(cursor.query(self.control_sql("merge_seq"))[0][0])

    def _audits(self, context: Context) -> list[Audit]:
        sql_dir = get_settings().sql_dir
        found = sorted(sql_dir.glob(self.files), key=attrgetter("stem"))
        if not found:
            raise AuditError(
                f"there are no audits in {sql_dir / self.files}; publishing without audits is not allowed"
            )
        return [
            parse_audit(path.stem, self.render_template(path.read_text("utf-8"), context)) for path in found
        ]

    def _reading(self, audit: Audit, context: Context) -> list[str]:
        """The statements that read for an audit."""
        if not audit.reads:
            return []
        text = (get_settings().sql_dir / audit.reads).read_text("utf-8")
        return split_statements(self.render_template(text, context))

    def _check_all(
        self, audits: Sequence[Audit], reading: Sequence[str], cursor: Cursor
    ) -> list[dict[str, Any]]:
        """Check audits that read the same rows, which are read once."""
        flow = cursor.play(reading)
        checked = [(audit, flow.step(audit.query)) for audit in audits]
        return [
            self._check(replace(audit, query=step.statement), cursor) if step else self._outcome(audit)
            for audit, step in checked
        ]

    @staticmethod
    def _outcome(audit: Audit) -> dict[str, Any]:
        """The outcome of an audit that finds nothing."""
        kept = {"audit": audit.name, "title": audit.title, "severity": audit.severity}
        return {**kept, "violations": 0, "rows": [], "sample": None}

    def _check(self, audit: Audit, cursor: Cursor) -> dict[str, Any]:
        # Limited in the query: a rule broken by millions of rows must not come to the worker. Ordered, so that the
        # sample does not change with the plan, and the plan is not made for finding a few rows early where there are
        # none. The text is a file of ours, not anyone's input.
        body = f"\n{audit.query}\n"
        rows = cursor.query(
            f"select * from ({body}) as violations order by 1 limit {self.sample_rows + 1}",  # noqa: S608
            title=f"audit {audit.name}",
        )
        # Into a table, a log and a mail; a key may be anything that a file had in its place.
        sample = cursor.as_dicts([tuple(map(shown_cell, row)) for row in rows[: self.sample_rows]])
        violations = len(rows)
        if violations > self.sample_rows:
            count = f"select count(*) from ({body}) as violations"  # noqa: S608
            violations = int(cursor.query(count, title=f"audit {audit.name}: count")[0][0])
        return {
            **self._outcome(audit),
            "violations": violations,
            "rows": sample,
            "sample": _fit(json.dumps(sample, ensure_ascii=False, default=str)) if sample else None,
        }

    def _log_table(self, outcomes: list[dict[str, Any]]) -> None:
        width = max(len(outcome["audit"]) for outcome in outcomes)
        lines = [
            f"  {outcome['severity'].upper() if outcome['violations'] else 'ok':4}  "
            f"{outcome['audit']:{width}}  "
            f"{outcome['violations']:>10,}  {outcome['title']}"
            for outcome in outcomes
        ]
        self.log.info("Audits (violations):\n%s", "\n".join(lines))


def _fit(text: str, limit: int = _SAMPLE_BYTES) -> str:
    """Cut to a number of UTF-8 bytes, which is what a VARCHAR's width counts in Redshift."""
    return text.encode("utf-8")[:limit].decode("utf-8", "ignore")


def _failure_text(failed: list[dict[str, Any]]) -> str:
    parts = [f"{len(failed)} {'audit' if len(failed) == 1 else 'audits'} failed; nothing was published."]
    for outcome in failed:
        parts.append(f"- {outcome['audit']}: {outcome['violations']:,} rows break: {outcome['title']}")
        parts += [f"    {row}" for row in outcome["rows"]]
    return "\n".join(parts)
