"""All that happens to a warehouse, at random and mixed: the guarantees G1 to G6 under one roof.

Files are delivered and corrected, runs of any windows start, two at a time; they advance task by task in any
interleaving, die between tasks and within a transaction (the server's process is ended), are given up half-way, and are
begun again. After every step readers must see what was last published, and nothing in between; after every publish
everything must equal the independent model of the files that were loaded last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from comparing import check, content
from harness import REFRESH, REPLACE, VIEWS, Load, Slices, Warehouse, load_of, statements
from hypothesis import Phase, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_concurrency import AUDIT, STEPS, step
from test_crash import die_after
from worlds import DAYS, Day, Run, by_source, day_files, examples, runs

SLOTS = st.sampled_from((0, 1))
MOST_STEPS = 24
_WAREHOUSES: list[Warehouse] = []


@dataclass
class Going:
    """A run under way.

    Attributes:
        staged: the accepted rows that its first transaction will put into history.
        left: its tasks that have not succeeded yet.
    """

    load: Load
    last: date
    staged: Slices
    left: list[str] = field(default_factory=lambda: list(STEPS))


class Machine(RuleBasedStateMachine):
    """A warehouse, its files, and up to two runs."""

    def __init__(self) -> None:
        super().__init__()
        self.warehouse = _WAREHOUSES[-1]
        self.files: dict[int, Day] = {}
        self.going: dict[int, Going] = {}
        self.loaded_until: date | None = None
        self.seen: dict[str, Any] = {}

    @initialize()
    def empty(self) -> None:
        self.warehouse.reset()
        self.seen = self._views()

    @precondition(lambda self: len(self.going) < 2)
    @rule(slot=SLOTS, run=runs(), data=st.data())
    def start(self, slot: int, run: Run, data: st.DataObject) -> None:
        """Files arrive or are replaced by corrected ones; a run begins: they are processed and copied."""
        slot = slot if slot not in self.going else 1 - slot
        known = dict(self.warehouse.slices)
        for day in run.days:
            if day not in self.files or data.draw(st.booleans()):
                self.files[day] = data.draw(day_files())
        files = {day: self.files[day] for day in run.days}
        load = self.warehouse.stage(
            DAYS[run.first], DAYS[run.last], by_source(files), f"run-{slot}-{run.first}-{run.last}"
        )
        staged = {
            key: rows
            for key, rows in self.warehouse.slices.items()
            if DAYS[run.first] <= key[1] <= DAYS[run.last]
        }
        self.warehouse.slices = known
        self.going[slot] = Going(load, DAYS[run.last], staged)

    @precondition(lambda self: self.going)
    @rule(slot=SLOTS, count=st.sampled_from((len(STEPS), 5, 3, 2, 1)))
    def advance(self, slot: int, count: int) -> None:
        """A run's next tasks are run, as far as they get through."""
        for _ in range(count):
            if not self._next(slot if slot in self.going else 1 - slot):
                return

    @precondition(lambda self: self.going)
    @rule(slot=SLOTS, after=st.integers(0, 60))
    def die(self, slot: int, after: int) -> None:
        """The next task dies within its transaction, after some of its statements."""
        run = self.going.get(slot) or self.going[1 - slot]
        task = run.left[0]
        if task == AUDIT:
            return  # reads only
        count = 1 + after % len(statements(task, run.load))
        note(f"{task} dies after statement {count}")
        event(f"{task} died")
        with contextlib.suppress(AssertionError):  # a guard ended it first
            die_after(self.warehouse, task, run.load, count)

    @precondition(lambda self: len(self.going) == 2)
    @rule(slot=SLOTS)
    def give_up(self, slot: int) -> None:
        """A run fails for good between two tasks."""
        self.going.pop(slot if slot in self.going else 1 - slot)

    @invariant()
    def readers_see_what_was_published(self) -> None:
        assert self._views() == self.seen

    def teardown(self) -> None:
        """Whoever runs next finishes what was left."""
        if self.loaded_until is None:
            return
        self.going = {0: Going(load_of(DAYS[0], DAYS[0], "of no days yet"), DAYS[0], {}, list(STEPS[1:]))}
        while self.going:
            assert self._next(0), "the last run has nobody to wait for"

    def _next(self, slot: int) -> bool:
        """Run a run's next task; False when there is none or it has to wait for the other run."""
        run = self.going.get(slot)
        if run is None:
            return False
        task = run.left[0]
        if not step(self.warehouse, task, run.load, self.warehouse.quick):
            note(f"run {slot}: {task} has to wait")
            event(f"{task} had to wait for the other run")
            if task == REFRESH:
                run.left.insert(0, AUDIT)
            return False
        run.left.pop(0)
        if task == REPLACE:
            self.warehouse.slices |= run.staged
            self.loaded_until = max(self.loaded_until or run.last, run.last)
        if task == REFRESH:
            event("published, and equal to the model")
            check(self.warehouse, self.loaded_until)
            self.seen = self._views()
            del self.going[slot]
        return True

    def _views(self) -> dict[str, Any]:
        return {view: content(self.warehouse.rows(f"select * from analytics.{view}")) for view in VIEWS}


@pytest.fixture(autouse=True)
def _known(warehouse: Warehouse) -> Iterator[None]:
    """State machines are made without arguments: this is where they find the warehouse."""
    _WAREHOUSES.append(warehouse)
    yield
    _WAREHOUSES.pop()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=examples(0.3),
    stateful_step_count=MOST_STEPS,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
