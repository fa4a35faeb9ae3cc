"""Statistics, and the indexes of tables that are filled: work that Redshift does unasked and PostgreSQL does too late.

Redshift keeps statistics current and has no indexes. PostgreSQL's own daemon comes too late for statements that follow
each other within a second, and each inserted row costs a place in every index. One `Tuning` follows the transaction of
one session and does both around the client's statements.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from redshift_local import wire
from redshift_local.conversation import Conversation, Outcome
from redshift_local.plan import Plan
from redshift_local.tokens import quote_name, quote_text

_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}
_STATISTICS_ROWS = 1000  # fewer changed rows never make a plan that a person would notice
_MASS_ROWS = 100_000  # after so many in one statement, those behind it are planned by what the table holds now
_FILL_ROWS = 200_000  # an empty table that gets as many is indexed when they are there
# Redshift analyzes what CREATE TABLE AS made. PostgreSQL judges a table by its size until then. It takes a small one
# for ten pages, wrong where it holds more than a few rows and less than that; and a text for as wide as its column may
# be, so that millions of rows seem a tenth of them. Between these analyzing costs more than it brings; of many rows a
# small sample is enough.
_CTAS_SMALL = range(20, 2000)
_CTAS_MASS_ROWS = 200_000
_CTAS_MASS_TARGET = 50


class Tuning:
    """Statistics and indexes around the statements of one session.

    Args:
        talk: the session's conversation with PostgreSQL.
    """

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._changed: dict[str, int] = {}
        self._mass: set[str] = set()
        self._judged: set[str] = set()
        self._unindexed: list[str] = []

    def note_change(self, plan: Plan, outcome: Outcome) -> None:
        """Remember how many rows of a table this transaction wrote."""
        table = ".".join(plan.copy.name) if plan.copy is not None else plan.table
        if "." in table and plan.kind in _WRITES and not outcome.fields:
            rows = outcome.counted()
            self._changed[table] = self._changed.get(table, 0) + rows
            if rows >= _MASS_ROWS:
                self._mass.add(table)

    def has_before(self, plan: Plan) -> bool:
        """Whether something may have to be done before this statement."""
        return bool(
            self._mass
            or self._unindexed
            or (plan.control and (self._changed or self._judged))
            or self._may_fill(plan)
        )

    async def before(self, plan: Plan) -> None:
        """Do what the transaction needs before its next statement: indexes of a filled table, statistics."""
        if plan.sql == "rollback":
            self._unindexed.clear()
        await self._index()
        await self._refresh_statistics(plan)
        if plan.control:
            self._judged.clear()
        elif self._may_fill(plan):
            await self._unindex(plan)

    async def _refresh_statistics(self, plan: Plan) -> None:
        """Analyze the tables that changed by a tenth or more: before a commit, and once one statement changed a mass.

        Redshift keeps statistics current (automatic analyze). PostgreSQL's own daemon runs too late
        for steps that follow each other within a second, and never within a transaction: plans made for an empty
        table, or for rows that the transaction has deleted, last for minutes.
        """
        names = list(self._changed if plan.control else self._mass)
        self._mass.clear()
        if self._talk.status == "T" and (plan.sql == "commit" or not plan.control):
            for table in names:
                if (rows := self._changed.get(table, 0)) < _STATISTICS_ROWS:
                    continue
                found, outcome = await self._talk.internal(
                    f"select reltuples from pg_catalog.pg_class where oid = to_regclass({quote_text(table)})"
                )
                if not outcome.fields and found and rows >= 0.1 * float(found[0][0] or 0):
                    await self._talk.internal(f"analyze {table}")
                    del self._changed[table]
        if plan.control:
            self._changed.clear()

    async def analyze_made(self, table: str, rows: int) -> None:
        """Statistics of what CREATE TABLE AS made, where a plan would be bad without."""
        analyze = f"analyze {'.'.join(map(quote_name, table.split('.')))}"
        if rows in _CTAS_SMALL:
            await self._talk.internal(analyze)
        elif rows >= _CTAS_MASS_ROWS:
            target = "set local default_statistics_target to"
            await self._talk.internal(f"{target} {_CTAS_MASS_TARGET}; {analyze}; {target} default")

    # Filling empty tables ---------------------------------------------------------------------------------------

    def _may_fill(self, plan: Plan) -> bool:
        return plan.kind == "INSERT" and self._talk.status == "T" and plan.table not in self._judged

    async def _unindex(self, plan: Plan) -> None:
        """Drop the indexes of an empty table before a mass of rows is inserted; `_index` builds them afterwards.

        Redshift has no indexes to keep up to date. Building six indexes after ten million rows takes a quarter of the
        time that inserting each row into all of them takes. Readers of the table wait for the commit. The indexes stay
        where another session reads the table or holds a lock on it.
        """
        self._judged.add(plan.table)
        # Without pages, or found without rows by `_refresh_statistics` after a DELETE.
        found, outcome = await self._talk.internal(
            "select pg_get_indexdef(indexrelid), indexrelid::regclass, indrelid::regclass "
            "from pg_catalog.pg_index join pg_catalog.pg_class on pg_class.oid = indrelid "
            f"where indrelid = to_regclass({quote_text(plan.table)}) "
            "and (reltuples = 0 or pg_relation_size(indrelid) = 0) "
            "and not exists (select 1 from pg_catalog.pg_constraint where conindid = indexrelid)"
        )
        if outcome.fields or not found:
            return
        await self._talk.internal("savepoint redshift_fill")
        # The statement may have parameters, and may have errors that only itself should report.
        plans, outcome = await self._talk.internal(f"explain (generic_plan, format json) {plan.sql}")
        if not outcome.fields and _planned_rows(plans) >= _FILL_ROWS:
            for text in (
                f"lock table {found[0][2]} in access exclusive mode nowait",
                f"drop index {', '.join(str(index) for _, index, _ in found)}",
            ):
                _, outcome = await self._talk.internal(text)
                if outcome.fields:
                    break
            else:
                self._unindexed = [str(definition) for definition, _, _ in found]
        if outcome.fields:
            await self._talk.internal("rollback to savepoint redshift_fill")
        await self._talk.internal("release savepoint redshift_fill")

    async def _index(self) -> None:
        """Build the indexes that `_unindex` took off; an aborted transaction restores them.

        Raises:
            wire.WireError: one cannot be built; what the client asks for next must not be answered as if it were.
        """
        definitions, self._unindexed = self._unindexed, []
        for definition in definitions if self._talk.status == "T" else ():
            _, outcome = await self._talk.internal(definition)
            if outcome.fields:
                raise wire.WireError(f"{definition}: {outcome.fields.get('M')}")


def _planned_rows(plans: Sequence[Sequence[str | None]]) -> int:
    """Number of rows that PostgreSQL expects an INSERT to write, from its EXPLAIN in JSON."""
    written = json.loads(str(plans[0][0]))[0]["Plan"]
    return max((int(source["Plan Rows"]) for source in written.get("Plans", ())), default=0)
