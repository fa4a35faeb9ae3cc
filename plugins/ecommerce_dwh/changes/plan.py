"""Makes the plan: the steps that bring a warehouse from what it is to what is declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ecommerce_dwh.changes import statements as sql
from ecommerce_dwh.changes.catalogue import Catalogue
from ecommerce_dwh.changes.compare import Difference, differences
from ecommerce_dwh.changes.declared import Declared, Warehouse
from ecommerce_dwh.changes.facets import DEFINITION
from ecommerce_dwh.changes.graph import ordered
from ecommerce_dwh.changes.repairs import Repair, due_repairs
from ecommerce_dwh.changes.statements import Command
from ecommerce_dwh.changes.steps import Plan, Step
from ecommerce_dwh.changes.tables import TableChange, copy_commands, foreign_tables, table_change


def make_plan(
    declared: Warehouse,
    catalogue: Catalogue,
    has_rows: Callable[[str], bool],
    *,
    repairs: Sequence[Repair] = (),
    applied: dict[str, str] | None = None,
    drop: Collection[str] = (),
    overwrite: Collection[str] = (),
) -> Plan:
    """Compare and plan.

    Args:
        declared: what should be.
        catalogue: what is.
        has_rows: whether a table has rows.
        repairs: the repairs of data.
        applied: checksum by repair that was applied.
        drop: tables, views and columns that may go, as ``schema.table`` or ``schema.table.column``.
        overwrite: tables, views and schemas whose changes by hand are overwritten.
    """
    return _Planner(declared, catalogue, has_rows, set(drop), set(overwrite)).plan(repairs, applied or {})


class _Planner:
    def __init__(
        self,
        declared: Warehouse,
        catalogue: Catalogue,
        has_rows: Callable[[str], bool],
        drop: set[str],
        overwrite: set[str],
    ) -> None:
        self.declared, self.catalogue, self.has_rows = declared, catalogue, has_rows
        self.drop, self.overwrite = drop, overwrite
        self.result = Plan(declared, catalogue)
        self.tables: dict[str, TableChange] = {}
        self.views: dict[str, list[Difference]] = {}

    def plan(self, repairs: Sequence[Repair], applied: dict[str, str]) -> Plan:
        self._check_names()
        for name, relation in self.declared.relations.items():
            self._compare(name, relation)
        self._prepare()
        for change in self.tables.values():
            if change.added:
                words = [
                    f"{change.table.name}: {word}" for word in change.words if word.startswith("add column")
                ]
                name = change.table.name
                self._step(words, change.added, [name], locks=(name,))
        for change in self.tables.values():
            for command in change.widened:
                place = command.sql.split(" ")[5]
                words = [w for w in change.words if w.startswith(f"widen column {place} ")]
                self._step(
                    [f"{change.table.name}: {w}" for w in words], [command], [change.table.name], alone=True
                )
        self._rewrite()
        self._finish()
        due, refused = due_repairs(repairs, applied)
        self.result.repairs, self.result.refused = due, [*self.result.refused, *refused]
        return self.result

    def _step(
        self, words: Sequence[str], commands: Sequence[Command], touched: Sequence[str], **more: Any
    ) -> None:
        self.result.steps.append(Step(tuple(words), tuple(commands), tuple(dict.fromkeys(touched)), **more))

    # Comparing ------------------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        known = self.catalogue.relations
        for name in sorted(self.drop):
            relation, column = ".".join(name.split(".")[:2]), ".".join(name.split(".")[2:])
            if relation not in known or (column and f"column {column}" not in known[relation].facets):
                continue  # dropped already: applying a plan again is no mistake
            wanted = self.declared.relations.get(relation)
            if wanted and (not column or f"column {column}" in wanted.facets):
                self.result.refused.append(
                    f"{name} is to be dropped and is declared: take it out of {wanted.file} first"
                )
        for name in sorted(self.overwrite - set(known) - set(self.catalogue.schemas)):
            self.result.refused.append(
                f"{name} is to be overwritten, and the warehouse has no such table, view or schema"
            )

    def _compare(self, name: str, relation: Declared) -> None:
        found = self.catalogue.relations.get(name)
        if found is None:
            return
        if found.kind != relation.kind:
            self.result.refused.append(
                f"{name} is declared as a {relation.kind} and is a {found.kind}: take it out of include/sql, apply "
                "with its name in `drop`, and declare it again"
            )
            return
        decided = self._decided(name, relation.facets, found.facets, relation.file)
        if relation.kind == "view":
            self.views[name] = decided
            return
        change = table_change(relation, found, decided, self.has_rows)
        self.result.refused += change.refused
        if change.words or change.copied:
            self.tables[name] = change

    def _decided(self, name: str, wanted: dict[str, str], has: dict[str, str], file: str) -> list[Difference]:
        """The differences to work on; the others are named."""
        decided = []
        noted = self.catalogue.notes.get(name)
        for difference in differences(
            name, wanted, has, noted, overwrite=name in self.overwrite, drop=self.drop
        ):
            facet = f"{name}, {difference.facet}" if not difference.column else f"{name}.{difference.column}"
            if difference.verdict in ("change", "drop", "kept"):
                decided.append(difference)
            if difference.verdict == "kept":
                self.result.left.append(
                    f"{facet} is no longer declared and stays; `drop` with this name drops it"
                )
            elif difference.verdict == "foreign":
                self.result.left.append(f"{facet} ({difference.has}) is not declared: made by hand, and left")
            elif difference.verdict == "wider":
                self.result.left.append(
                    f"{facet} is wider ({difference.has}) than declared ({difference.wanted}): never shrunk"
                )
            elif difference.verdict == "by hand":
                self.result.left.append(
                    f"{facet} was changed by hand to {difference.has or 'nothing'}, declared is "
                    f"{difference.wanted or 'nothing'}: left; `overwrite` with {name} restores it"
                )
            elif difference.verdict == "conflict":
                self.result.refused.append(
                    f"{facet} was changed by hand to {difference.has or 'nothing'}, and {file} now says "
                    f"{difference.wanted or 'nothing'}: name {name} in `overwrite`, or declare what the warehouse has"
                )
        return decided

    # Steps ----------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Roles, schemas and new tables."""
        words, commands, touched = [], [], []
        for role in self.declared.roles:
            if role not in self.catalogue.roles:
                words.append(f"new role {role}")
                commands.append(Command(f"create role {role}"))
        for schema, facets in self.declared.schemas.items():
            if schema not in self.catalogue.schemas:
                words.append(f"new schema {schema}")
                commands.append(Command(f"create schema {schema}"))
                commands += sql.told("schema", schema, facets)
                touched.append(schema)
        for name, relation in self.declared.relations.items():
            if relation.kind == "table" and name not in self.catalogue.relations:
                gone = " (it was dropped by hand)" if name in self.catalogue.notes else ""
                words.append(f"new table {name}{gone}")
                commands.append(Command(relation.create))
                commands += sql.told("table", name, relation.facets)
                touched.append(name)
        if commands:
            self._step(words, commands, touched)

    def _rewrite(self) -> None:
        """Copies, dropped columns and tables, and views, which hold on to what they read."""
        copied = [change for change in self.tables.values() if change.copied]
        dropping = [change for change in self.tables.values() if change.dropped and not change.copied]
        gone = self._gone()
        changed = {
            name
            for name, relation in self.declared.relations.items()
            if relation.kind == "view"
            and (
                name not in self.catalogue.relations
                or any(difference.facet == DEFINITION for difference in self.views.get(name, ()))
            )
        }
        held = self.catalogue.readers_of([change.table.name for change in copied]) | {
            reader
            for change in dropping
            for reader, read in change.found.readers.items()
            if read & set(change.lost)
        }
        held |= self.catalogue.readers_of(held | changed | set(gone))
        views = {name for name in changed | held if name in self.declared.relations}
        for foreign in sorted(held - views - set(gone)):
            self._foreign(foreign, changed | set(gone) | {change.table.name for change in (*copied, *dropping)})
        for name in sorted(views - changed):
            noted = self.catalogue.notes.get(name, {}).get(DEFINITION)
            if (
                noted is not None
                and self.catalogue.facets(name)[DEFINITION] != noted
                and name not in self.overwrite
            ):
                self.result.refused.append(
                    f"{name} was changed by hand, and would be made again as declared, because what it reads changes: "
                    "name it in `overwrite`, or declare what the warehouse has"
                )
        names = [change.table.name for change in copied]
        if not held:
            for change in copied:
                self._step(
                    self._words(change),
                    copy_commands(change, self.catalogue, names),
                    [change.table.name, *foreign_tables(change, self.catalogue)],
                    locks=(change.table.name,),
                )
            copied = []
        if not (copied or dropping or views or gone):
            return
        words, commands, touched = [], [], []
        for name in self._readers_first(
            [name for name in views | set(gone) if name in self.catalogue.relations]
        ):
            if self.catalogue.relations[name].kind == "view":
                commands.append(Command(f"drop view {name}"))
        for change in copied:
            words += self._words(change)
            commands += copy_commands(change, self.catalogue, names)
            touched += [change.table.name, *foreign_tables(change, self.catalogue)]
        for change in dropping:
            words += [f"{change.table.name}: {word}" for word in change.words if word.startswith("drop column")]
            commands += change.dropped
            touched.append(change.table.name)
        for name in gone:
            words.append(f"drop the {self.catalogue.relations[name].kind} {name}" + self._rows_lost(name))
            if self.catalogue.relations[name].kind == "table":
                commands.append(Command(f"drop table {name}"))
            touched.append(name)
        for name in self._sources_first(views):
            relation, found = self.declared.relations[name], self.catalogue.relations.get(name)
            new = "new view" if found is None else "changed view" if name in changed else "view made again"
            words.append(f"{new} {name}")
            commands.append(Command(relation.create))
            commands += sql.told("view", name, relation.facets, found.others if found else ())
            touched.append(name)
        locks = [change.table.name for change in (*copied, *dropping)]
        self._step(words, commands, touched, locks=tuple(locks), defines=tuple(views))

    @staticmethod
    def _words(change: TableChange) -> list[str]:
        words = [f"{change.table.name}: {word}" for word in change.words]
        if change.lost:
            words.append(f"{change.table.name}: without {', '.join(change.lost)}")
        return words or [f"{change.table.name}: the table is copied"]

    def _gone(self) -> list[str]:
        """Tables and views that nothing declares: those that are named are dropped."""
        found = []
        for name, relation in self.catalogue.relations.items():
            if name in self.declared.relations:
                continue
            if name in self.drop:
                found.append(name)
            elif name in self.catalogue.notes:
                self.result.left.append(
                    f"the {relation.kind} {name} is no longer declared and stays; `drop` with this name drops it"
                )
            else:
                self.result.left.append(f"the {relation.kind} {name} is not declared: made by hand, and left")
        return [
            *self._readers_first([n for n in found if self.catalogue.relations[n].kind == "view"]),
            *self._keys_first([n for n in found if self.catalogue.relations[n].kind == "table"]),
        ]

    def _rows_lost(self, name: str) -> str:
        if self.catalogue.relations[name].kind == "view":
            return ""
        return " and its rows" if self.has_rows(name) else ", which is empty"

    def _foreign(self, name: str, changed: Collection[str]) -> None:
        read = sorted(relation for relation in changed if name in self.catalogue.readers_of([relation]))
        self.result.refused.append(
            f"the view {name}, which nothing declares, reads {', '.join(read)} and would have to go: name it in "
            "`drop`, or make it again WITH NO SCHEMA BINDING, which holds on to no table"
        )

    def _readers_first(self, names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: (len(self.catalogue.readers_of([name]) & set(names)), name))

    def _keys_first(self, names: Sequence[str]) -> list[str]:
        """Tables in the order in which they can be dropped: those whose foreign keys name others come first."""
        needs: dict[str, set[str]] = {name: set() for name in names}
        for name in names:
            for facet, text in self.catalogue.relations[name].facets.items():
                if facet.startswith("foreign key ") and (named := text.partition(" (")[0]) in needs:
                    needs[named].add(name)
        return ordered((name for name in self.catalogue.relations if name in needs), needs)

    def _sources_first(self, names: Collection[str]) -> list[str]:
        relations = self.declared.relations
        return ordered(
            (name for name in relations if name in names),
            {name: relations[name].reads for name in names},
        )

    def _finish(self) -> None:
        """Comments, grants and foreign keys of what was there before, and rows beside definitions."""
        words: list[str] = []
        commands: list[Command] = []
        touched, fills = [], []
        made = {name for step in self.result.steps for name in step.touched}
        for schema, wanted in self.declared.schemas.items():
            if schema not in self.catalogue.schemas:
                continue
            for difference in self._decided(schema, wanted, self.catalogue.schemas[schema], "ddl"):
                self._tell("schema", schema, difference, words, commands)
                touched.append(schema)
        for name, relation in self.declared.relations.items():
            if name not in self.catalogue.relations:
                if relation.rows:
                    commands += [Command(text, slow=True) for text in relation.rows]
                    words.append(f"{name}: the rows that its file puts into it")
                    touched.append(name)
                    fills.append(name)
            elif relation.kind == "view" and name not in made:
                for difference in self.views.get(name, ()):
                    self._tell("view", name, difference, words, commands)
                    touched.append(name)
            elif name in self.tables and (self.tables[name].told or self.tables[name].rows):
                change = self.tables[name]
                words += [
                    f"{name}: {word}"
                    for word in change.words
                    if word.startswith(("comment", "grants", "foreign", "the rows"))
                ]
                commands += [*change.told, *change.rows]
                touched.append(name)
                fills += [name] if change.rows else []
        if commands:
            self._step(words, commands, touched, fills=tuple(fills))

    @staticmethod
    def _tell(kind: str, name: str, difference: Difference, words: list[str], commands: list[Command]) -> None:
        words.append(f"{name}: {difference.facet}: {difference.wanted or 'none'}")
        if difference.facet.startswith("comment"):
            commands.append(sql.comment(kind, name, difference.facet, difference.wanted))
        elif difference.facet.startswith("grants "):
            commands.extend(sql.grants(kind, name, difference.facet, difference.has, difference.wanted))
