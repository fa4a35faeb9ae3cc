"""The plan of one statement, and its refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """The statement is not run; the message names the construct, and whether Redshift or this endpoint lacks it."""

    def __init__(self, text: str, state: str = "0A000") -> None:
        super().__init__(text)
        self.state = state


def not_served(construct: str, why: str = "") -> Refused:
    """Redshift has it, this warehouse does not."""
    return Refused(f"{construct} is not served by the local warehouse" + (f": {why}" if why else ""))


def not_in_redshift(construct: str, instead: str = "") -> Refused:
    """PostgreSQL would take it, Redshift does not."""
    return Refused(f"{construct} is not supported by Amazon Redshift" + (f"; {instead}" if instead else ""))


@dataclass(frozen=True)
class Plan:
    """One statement, rewritten.

    Attributes:
        kind: query type as SYS_QUERY_HISTORY has it.
        sql: text for PostgreSQL.
        before: statements to run before it, in the same transaction.
        after: statements to run after it, in the same transaction.
        copy: a parsed COPY, which the front carries out itself.
        unload: a parsed UNLOAD, likewise.
        truncate: commits the transaction that it runs in.
        setting: a session setting that the front itself follows, such as query_group, and its value.
        tag: command tag for the client instead of PostgreSQL's.
        title: text for logs and history, without secrets.
        refused: the statement is answered with this error.
        reads_history: the answer depends on what the front has recorded so far.
        table: target of a write, for messages.
        control: begins or ends a transaction.
        loads: columns that an INSERT fills by a query, empty for all of the table, or none where it does not or where
            its rows have an order of their own.
        alone: words of a command that no transaction block may hold.
        sorts: table whose rows the statement brings in the order of the sort key.
        laterals: aliases of select lists that later entries of the list may mean (`laterals`).
        source: the statement as it was given, where it has such aliases.
    """

    kind: str
    sql: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    copy: Any = None
    unload: Any = None
    truncate: bool = False
    setting: tuple[str, str] | None = None
    tag: str = ""
    title: str = ""
    refused: Refused | None = None
    reads_history: bool = False
    table: str = ""
    control: bool = False
    loads: tuple[str, ...] | None = None
    sorts: str = ""
    alone: str = ""
    laterals: frozenset[str] = frozenset()
    source: str = ""

    @property
    def special(self) -> bool:
        """Whether the statement needs more than one text for PostgreSQL."""
        return bool(
            self.before
            or self.after
            or self.copy
            or self.unload
            or self.truncate
            or self.setting
            or self.tag
            or self.refused
            or self.sorts
            or self.kind == "CTAS"
        )
