"""What a plan consists of, in words and SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ecommerce_dwh.changes.catalogue import Catalogue
from ecommerce_dwh.changes.declared import Warehouse
from ecommerce_dwh.changes.facets import digest
from ecommerce_dwh.changes.repairs import Repair
from ecommerce_dwh.changes.statements import Command
from ecommerce_dwh.warehouse.sql_text import without_comments


@dataclass(frozen=True)
class Step:
    """What is applied at once.

    Attributes:
        words: what happens, a sentence each.
        commands: the statements, in one transaction.
        touched: tables, views and schemas that change, and are noted with the step.
        locks: tables that are locked first. A snapshot that was taken before would miss what others wrote while the
            step waited (r_LOCK, c_serial_isolation).
        defines: views that it makes.
        fills: tables whose rows beside the definition it writes.
        alone: each statement by itself, because Redshift refuses it in a transaction.
    """

    words: tuple[str, ...]
    commands: tuple[Command, ...]
    touched: tuple[str, ...]
    locks: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    alone: bool = False

    @property
    def lock(self) -> str:
        """The statement that locks; empty where nothing is locked."""
        return f"lock {', '.join(self.locks)}" if self.locks else ""


@dataclass
class Plan:
    """What would be done.

    Attributes:
        steps: in their order; empty where the warehouse is as declared.
        repairs: files of ``include/sql/repairs`` that were not applied yet.
        left: differences that are named and left.
        refused: why the plan cannot be applied; empty where it can.
        out_of_date: tables that hold rows of an earlier version of their SQL, which no run publishes.
        declared: the declarations.
        catalogue: the warehouse that the plan was made for.
    """

    declared: Warehouse
    catalogue: Catalogue
    steps: list[Step] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    out_of_date: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.steps and not self.repairs

    @property
    def name(self) -> str:
        """A short name of steps and of the catalogue they were made for: another one is another plan."""
        catalogue = {name: dict(found.facets) for name, found in sorted(self.catalogue.relations.items())}
        commands = [[command.sql for command in step.commands] for step in self.steps]
        repairs = [[repair.version, repair.checksum] for repair in self.repairs]
        parts = [
            catalogue,
            self.catalogue.schemas,
            sorted(self.catalogue.roles),
            commands,
            repairs,
            self.refused,
        ]
        return digest(json.dumps(parts, sort_keys=True))[:12]

    def text(self, *, with_sql: bool = True) -> str:
        """The plan as people read it."""
        lines = [f"Plan {self.name}"]
        if self.empty:
            lines.append("The warehouse is as declared; nothing is to be done.")
        for number, step in enumerate(self.steps, 1):
            lines.append(f"Step {number}" + (", outside a transaction" if step.alone else ", one transaction"))
            lines += [f"  - {words}" for words in step.words]
            if with_sql:
                lines += [f"      {step.lock};"] if step.lock else []
                for command in step.commands:
                    text = without_comments(command.sql).replace("\n", "\n      ")
                    lines.append(
                        f"      {text};" + (f" -- must find nothing: {command.check}" if command.check else "")
                    )
        for number, repair in enumerate(self.repairs, len(self.steps) + 1):
            lines += [f"Step {number}, one transaction", f"  - repair of data {repair.file}: {repair.before}"]
            if with_sql:
                lines += [f"      {text};".replace("\n", "\n      ") for text in repair.statements]
        if self.out_of_date:
            lines += [
                "Out of date; no run publishes until this is decided",
                *(f"  - {w}" for w in self.out_of_date),
            ]
        if self.left:
            lines += ["Left as it is", *(f"  - {words}" for words in self.left)]
        if self.refused:
            lines += [
                "Refused; nothing is applied until this is decided",
                *(f"  - {words}" for words in self.refused),
            ]
        return "\n".join(lines)
