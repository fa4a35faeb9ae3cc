"""Applies a plan, step by step.

Each step is one transaction together with what is noted about it, so a plan that is killed anywhere goes on by planning
again: what is done is no difference any more. Before each step the catalogue is read again; a table that somebody else
has changed since ends the plan.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from ecommerce_dwh.changes import catalogue as catalogues
from ecommerce_dwh.changes import logic
from ecommerce_dwh.changes.catalogue import NOTES, REPAIRS, Catalogue
from ecommerce_dwh.changes.declared import Warehouse
from ecommerce_dwh.changes.facets import DEFINITION, ROWS
from ecommerce_dwh.changes.plan import make_plan
from ecommerce_dwh.changes.repairs import Repair
from ecommerce_dwh.changes.statements import Command
from ecommerce_dwh.changes.steps import Plan, Step
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_text import first_line

T = TypeVar("T")


class ChangeError(Exception):
    """A plan cannot be applied; the message says why and what to do."""


class Cursor(Protocol):
    """Runs statements of one transaction."""

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> Any:
        """Run one statement."""

    def query(self, statement: str) -> Sequence[Sequence[Any]]:
        """Run a query and return its rows."""


class Session(Protocol):
    """Runs transactions on the warehouse."""

    def transaction(self, work: Callable[[Any], T]) -> T:
        """Run work in one transaction."""

    def each(self, statements: Iterable[str]) -> Any:
        """Run statements, each by itself."""


def plan_changes(
    session: Session,
    declared: Warehouse,
    repairs: Sequence[Repair],
    drop: Sequence[str],
    overwrite: Sequence[str],
) -> Plan:
    """Read the catalogue and plan; changes nothing."""

    def work(cursor: Cursor) -> Plan:
        found = catalogues.read(cursor.query, declared.roles)
        applied: dict[str, str] = {}
        if REPAIRS in found.relations:
            rows = cursor.query(sql_files.statement("control/repairs_applied.sql"))
            applied = {str(version): str(checksum) for version, checksum in rows}
        plan = make_plan(
            declared,
            found,
            lambda name: bool(cursor.query(f"select 1 as one from {name} limit 1")),
            repairs=repairs,
            applied=applied,
            drop=drop,
            overwrite=overwrite,
        )
        if logic.BUILT_BY in found.relations:
            plan.out_of_date = logic.words(logic.out_of_date(cursor.query))
        return plan

    return session.transaction(work)


class Application:
    """Applies one plan.

    Args:
        plan: the plan.
        session: the warehouse.
        quick: a session whose statements end after ``lock_seconds``, for statements by themselves.
        lock_seconds: how long a statement that changes a definition may wait for others.
        slow_seconds: how long a statement that reads or writes rows may take; 0 for no limit.
    """

    def __init__(
        self,
        plan: Plan,
        session: Session,
        *,
        quick: Session | None = None,
        lock_seconds: float = 120,
        slow_seconds: float = 0,
        log: logging.Logger | None = None,
    ) -> None:
        self.plan, self.session, self.quick = plan, session, quick or session
        self.lock_seconds, self.slow_seconds = lock_seconds, slow_seconds
        self.log = log or logging.getLogger(__name__)
        self.state: Catalogue = plan.catalogue

    def run(self) -> list[str]:
        """Apply all steps; returns what was done, in words.

        Raises:
            ChangeError: the plan is refused, or the catalogue is not the planned one any more.
        """
        if self.plan.refused:
            raise ChangeError("the plan is refused:\n" + "\n".join(f"- {words}" for words in self.plan.refused))
        done: list[str] = []
        for number, step in enumerate(self.plan.steps, 1):
            self.log.info("Step %d of %d: %s", number, len(self.plan.steps), "; ".join(step.words))
            self._alone(step) if step.alone else self._together(step)
            done += step.words
        self._note_the_rest()
        for repair in self.plan.repairs:
            self.log.info("Repair %s: %s", repair.file, repair.before)
            self.session.transaction(partial(self._repair, repair))
            done.append(repair.file)
        return done

    # Steps ----------------------------------------------------------------------------------------------------------

    def _together(self, step: Step) -> None:
        def work(cursor: Cursor) -> Catalogue:
            self._limit(cursor, self.lock_seconds)
            if step.lock:
                cursor.run(step.lock)  # before any query, or the step would not see what others wrote meanwhile
            self._unmoved(cursor, step)
            slow = False
            for command in step.commands:
                if command.slow is not slow:
                    slow = command.slow
                    self._limit(cursor, self.slow_seconds if slow else self.lock_seconds)
                self._command(cursor, command)
            return self._noted(cursor, step)

        self.state = self._explained(lambda: self.session.transaction(work), step)

    def _alone(self, step: Step) -> None:
        self.session.transaction(lambda cursor: self._unmoved(cursor, step))
        self._explained(lambda: self.quick.each([command.sql for command in step.commands]), step)
        self.state = self.session.transaction(lambda cursor: self._noted(cursor, step))

    @staticmethod
    def _limit(cursor: Cursor, seconds: float) -> None:
        cursor.run(f"set statement_timeout to {int(seconds * 1000)}")

    @staticmethod
    def _command(cursor: Cursor, command: Command) -> None:
        if not command.check:
            cursor.run(command.sql)
        elif rows := cursor.query(command.sql):
            found = ", ".join(str(value) for value in rows[0])
            raise ChangeError(f"{command.check} ({found}); this step changed nothing")

    def _unmoved(self, cursor: Cursor, step: Step) -> None:
        found = catalogues.read(cursor.query, self.plan.declared.roles)
        moved = [name for name in step.touched if found.facets(name) != self.state.facets(name)]
        if moved:
            raise ChangeError(
                f"somebody changed {', '.join(moved)} since the plan {self.plan.name} was made; nothing of this "
                "step was applied. Plan again"
            )

    def _explained(self, action: Callable[[], T], step: Step) -> T:
        try:
            return action()
        except ChangeError:
            raise
        except Exception as error:
            if "57014" not in str(error):
                raise ChangeError(
                    f"{'; '.join(step.words)}: not applied, this step changed nothing: {error}"
                ) from error
            raise ChangeError(
                f"{'; '.join(step.words)}: waited {self.lock_seconds:g} seconds for a lock, and changed nothing. "
                f"Holding locks: {self._holders(step)}. Let these end, or pause ecommerce_dwh_daily, and run again; "
                "the Param `lock_seconds` sets the limit"
            ) from error

    def _holders(self, step: Step) -> str:
        rows = self.session.transaction(
            lambda cursor: cursor.query(sql_files.statement("control/lock_holders.sql"))
        )
        found = [
            f"{user} (process {pid}) on {schema}.{name} since {since}"
            for schema, name, pid, user, since in rows
            if f"{schema}.{name}" in step.touched
        ]
        return ", ".join(found) or "nobody any more"

    # Notes ----------------------------------------------------------------------------------------------------------

    def _noted(self, cursor: Cursor, step: Step) -> Catalogue:
        """Note a step in its own transaction; returns the catalogue as the step leaves it."""
        found = catalogues.read(cursor.query, self.plan.declared.roles)
        for name in step.touched:
            self._write(cursor, name, self._note(name, found, step.defines, step.fills), found, step.defines)
        return catalogues.read(cursor.query, self.plan.declared.roles)

    def _note(
        self, name: str, found: Catalogue, defines: Sequence[str] = (), fills: Sequence[str] = ()
    ) -> dict[str, str] | None:
        """What is to be noted of a table, view or schema; None where it is gone."""
        relation = self.plan.declared.relations.get(name)
        wanted = relation.facets if relation else self.plan.declared.schemas.get(name, {})
        if name not in found.relations and name not in found.schemas:
            return None
        before, has = self.state.facets(name), dict(found.facets(name))
        noted = self.state.notes.get(name, {})
        if name in defines:
            has[DEFINITION] = wanted[DEFINITION]
        known_before = name in self.plan.catalogue.relations and name not in self.plan.catalogue.notes
        if ROWS in wanted and (name in fills or (known_before and ROWS not in has)):
            has[ROWS] = wanted[ROWS]
        note = {}
        for facet in dict.fromkeys((*wanted, *has, *noted)):
            if has.get(facet) == wanted.get(facet) or has.get(facet) != before.get(facet):
                value = has.get(facet)  # as declared, or changed by this step
            else:
                value = noted.get(facet)
            if value is not None:
                note[facet] = value
        return note

    def _write(
        self, cursor: Cursor, name: str, note: dict[str, str] | None, found: Catalogue, made: Sequence[str] = ()
    ) -> None:
        if NOTES not in found.relations:
            return
        query = found.relations[name].query if name in found.relations else ""
        if name not in made:  # a view that was changed by hand stays known as such
            query = self.state.queries.get(name, query)
        cursor.run(sql_files.statement("control/schema_note_delete.sql"), (name,))
        if note is not None:
            text = json.dumps(note, ensure_ascii=False, sort_keys=True)
            cursor.run(sql_files.statement("control/schema_note_insert.sql"), (name, text, query))

    def _note_the_rest(self) -> None:
        """Note what is as declared without having been changed: nothing, the second time."""
        names = [*self.plan.declared.schemas, *self.plan.declared.relations]
        due = {}
        for name in names:
            note = self._note(name, self.state)
            if note is not None and note != self.state.notes.get(name):
                due[name] = note
        gone = [
            name
            for name in self.state.notes
            if name not in self.state.relations and name not in self.state.schemas
        ]
        if not due and not gone:
            return

        def work(cursor: Cursor) -> None:
            for name, note in due.items():
                self._write(cursor, name, note, self.state)
            for name in gone:
                self._write(cursor, name, None, self.state)

        self.session.transaction(work)

    # Repairs --------------------------------------------------------------------------------------------------------

    def _repair(self, repair: Repair, cursor: Cursor) -> None:
        for place, statement in enumerate(repair.statements):
            if place not in (0, len(repair.statements) - 1):
                cursor.run(statement)
            elif rows := cursor.query(statement):
                said = repair.after if place else repair.before
                raise ChangeError(
                    f"{repair.file} changed nothing, because its check {'after' if place else 'before'} it found rows: "
                    f"{said} ({first_line(statement)}: {', '.join(str(value) for value in rows[0])})"
                )
        cursor.run(sql_files.statement("control/repair_insert.sql"), (repair.version, repair.checksum))
