"""Statistics, and the blocks' lowest and highest values: work that Redshift does unasked and PostgreSQL does too late.

PostgreSQL's own daemon comes too late for statements that follow each other within a second. One `Tuning` follows the
transaction of one session and does both around the client's statements.
"""

from __future__ import annotations

from redshift_local.conversation import Conversation, Outcome
from redshift_local.plan import Plan
from redshift_local.tokens import quote_name, quote_text

_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}
_STATISTICS_ROWS = 1000  # fewer changed rows never make a plan that a person would notice
_MASS_ROWS = 100_000  # after so many in one statement, those behind it are planned by what the table holds now
_BLOCK_ROWS = 5000  # fewer rows fill no block of their own
# Redshift analyzes what CREATE TABLE AS made. PostgreSQL judges a table by its size until then. It takes a small one
# for ten pages, wrong where it holds more than a few rows and less than that; and a text for as wide as its column may
# be, so that millions of rows seem a tenth of them. Between these analyzing costs more than it brings; of many rows a
# small sample is enough.
_CTAS_SMALL = range(20, 2000)
_CTAS_MASS_ROWS = 200_000
_CTAS_MASS_TARGET = 50


class Tuning:
    """Statistics and blocks around the statements of one session.

    Args:
        talk: the session's conversation with PostgreSQL.
    """

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._changed: dict[str, int] = {}
        self._mass: set[str] = set()

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
        return bool(self._mass or (plan.control and self._changed))

    async def before(self, plan: Plan) -> None:
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
                if rows >= _BLOCK_ROWS:
                    await self._talk.internal(
                        f"select redshift_shim.summarize_blocks(to_regclass({quote_text(table)}))"
                    )
        if plan.control:
            self._changed.clear()

    async def in_order(self, plan: Plan) -> str:
        """Text of an INSERT whose rows are stored in the order of the table's sort key, as each load's are in Redshift.

        https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
        """
        if plan.loads is None or self._talk.status == "E":
            return plan.sql
        columns = ", ".join(quote_text(name) for name in plan.loads)
        table = ".".join(map(quote_name, plan.table.split(".")))
        found, outcome = await self._talk.internal(
            f"select redshift_shim.load_order(to_regclass({quote_text(table)}), array[{columns}]::text[])"
        )
        order = found[0][0] if found and not outcome.fields else None
        return f"{plan.sql}\norder by {order}" if order else plan.sql

    async def analyze_made(self, table: str, rows: int) -> None:
        """Statistics of what CREATE TABLE AS made, where a plan would be bad without."""
        analyze = f"analyze {'.'.join(map(quote_name, table.split('.')))}"
        if rows in _CTAS_SMALL:
            await self._talk.internal(analyze)
        elif rows >= _CTAS_MASS_ROWS:
            target = "set local default_statistics_target to"
            await self._talk.internal(f"{target} {_CTAS_MASS_TARGET}; {analyze}; {target} default")
