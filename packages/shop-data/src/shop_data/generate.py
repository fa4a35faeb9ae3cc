"""Writes days of the invented marketplace into a folder or bucket, and what they hold into a sidecar.

The sidecar (``<folder>.truth.json``) is computed from how the rows were made, not by reading them back, so that
tests can hold the pipeline against numbers that it had no part in.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from shop_data.dirt import Dirt, row_amount, rule_in
from shop_data.hashed import I64, salted
from shop_data.render import DirtyRow, family, open_writer
from shop_data.schema import SOURCES
from shop_data.shop import DEFAULT_OPENED, Batch
from shop_data.target import Target, day_prefix, empty_key, open_target
from shop_data.text import Mask
from shop_data.world import World

ROWS_PER_FILE = 1_000_000


@dataclass(frozen=True)
class Plan:
    """Settings of a generated shop."""

    days: Sequence[date]
    lines_per_day: int = 10_000
    seed: int = 7
    file_format: str = "csv.gz"
    dirt: str = "default"
    opened: date = DEFAULT_OPENED
    sources: Sequence[str] = tuple(SOURCES)


@dataclass
class DayTruth:
    """Counts of the files of one source and day; amounts are those of order items."""

    files: int = 0
    raw_rows: int = 0
    raw_amount: Decimal = Decimal(0)
    quarantined_rows: int = 0
    quarantined_amount: Decimal = Decimal(0)
    superseded_rows: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)  # by rule, without the column
    dirt: Counter[str] = field(default_factory=Counter)  # by kind

    def as_json(self) -> dict[str, object]:
        accepted = self.raw_rows - self.quarantined_rows - self.superseded_rows
        return {
            "files": self.files,
            "raw_rows": self.raw_rows,
            "accepted_rows": accepted,
            "superseded_rows": self.superseded_rows,
            "quarantined_rows": self.quarantined_rows,
            "raw_amount": str(self.raw_amount),
            "quarantined_amount": str(self.quarantined_amount),
            "quarantined": dict(sorted(self.quarantined.items())),
            "dirt": dict(sorted(self.dirt.items())),
        }


class Held:
    """Accepted lines whose order has not arrived by the end of a day, over consecutive days.

    Whether a header came, and came through, is looked up, so this costs memory for the held lines alone.
    """

    def __init__(self, world: World, dirt: Dirt, first_day: int) -> None:
        self._world, self._dirt, self._first = world, dirt, first_day
        self._key = np.empty(0, dtype=np.int64)
        self._line = np.empty(0, dtype=np.int64)

    def _arrived(self, key: I64, since: int, day: int) -> Mask:
        """Whether an acceptable header of the orders lies in the files of ``since`` … ``day``."""
        result = np.zeros(len(key), dtype=bool)
        placed = key >> np.int64(33)
        index = (key >> np.int64(1)) & np.int64(0xFFFFFFFF)
        returned = (key & np.int64(1)) == 1
        for order_day in np.unique(placed).tolist():
            for is_return in (False, True):
                at = np.flatnonzero((placed == order_day) & (returned == is_return))
                if not len(at):
                    continue
                fates = self._world.orders.fates(order_day, index[at])
                identity = salted(fates.base, 70 + is_return)
                for when in range(max(since, order_day), day + 1):
                    if is_return:
                        sent = (fates.returned == when - order_day) & (fates.header_lag < 99)
                    else:
                        sent = fates.header_sent(when)
                    result[at] |= sent & ~self._dirt.rejected("orders", when, identity)
        return result

    def start_day(self, day: int) -> None:
        """Release what was waiting for headers that come on ``day``."""
        if len(self._key):
            waiting = ~self._arrived(self._key, day, day)
            self._key, self._line = self._key[waiting], self._line[waiting]

    def add(self, day: int, key: I64, line: I64) -> None:
        """Look at accepted lines of ``day``."""
        waiting = ~self._arrived(key, self._first, day)
        if waiting.any():
            # A corrected line may be waiting already.
            pairs = np.unique(
                np.stack(
                    [
                        np.concatenate([self._key, key[waiting]]),
                        np.concatenate([self._line, line[waiting]]),
                    ]
                ),
                axis=1,
            )
            self._key, self._line = pairs

    @property
    def lines(self) -> int:
        return len(self._key)

    @property
    def orders(self) -> int:
        return len(np.unique(self._key))


def _dirty_rows(batch: Batch, kinds: I64, dirt: Dirt, source: str) -> list[DirtyRow]:
    positions = np.flatnonzero(kinds >= 0)
    if not len(positions):
        return []
    indexes = pa.array(positions)
    rows = pa.table({name: column.take(indexes) for name, column in batch.columns.items()}).to_pylist()
    return [
        DirtyRow(int(position), kind, row, kind.change(row))
        for position, row, kind in zip(
            positions, rows, (dirt.kinds[source][number] for number in kinds[positions]), strict=True
        )
    ]


def _count(truth: DayTruth, source: str, batch: Batch, dirty: list[DirtyRow], file_family: str) -> None:
    truth.raw_rows += len(batch)
    paise = int(batch.amount.sum()) if batch.amount is not None else 0
    truth.raw_amount += Decimal(paise) / 100
    for off in dirty:
        truth.dirt[off.kind.name] += 1
        if off.kind.copies:
            truth.raw_rows += 1
            truth.superseded_rows += 1
        amount = Decimal(0)
        if source == "order_items":
            amount = row_amount(off.row) if off.kind.readable else Decimal(0)
            truth.raw_amount += amount - (Decimal(0) if off.kind.copies else row_amount(off.clean))
        if off.kind.outcome == "quarantined":
            truth.quarantined_rows += 1
            truth.quarantined_amount += amount
            truth.quarantined[rule_in(off.kind, file_family)] += 1


class Generator:
    """Writes the files of a plan."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.world = World(plan.seed, plan.lines_per_day, plan.opened)
        self.dirt = Dirt(plan.seed, plan.dirt, family(plan.file_format))
        self._target = target
        self.truth: dict[str, dict[str, DayTruth]] = {source: {} for source in plan.sources}
        self.held: dict[str, dict[str, int]] = {}
        self.foreign: list[str] = []

    def _write(self, source: str, day: date, held: Held | None) -> Iterator[int]:
        """Write one source's files of a day; yields rows done, for the progress bar."""
        number = self.world.shop.day_number(day)
        truth = self.truth[source][day.isoformat()] = DayTruth()
        written: set[str] = set()
        with ExitStack() as stack:
            writer, rows = None, 0
            for batch in self.world.files(source, number):
                if writer is None or rows + len(batch) > ROWS_PER_FILE:
                    stack.close()
                    key = f"{day_prefix(source, day)}part-{len(written):05d}.{self.plan.file_format}"
                    written.add(key)
                    path = stack.enter_context(self._target.file(key))
                    writer, rows = open_writer(path, SOURCES[source], self.plan.file_format), 0
                    stack.callback(writer.close)
                kinds = self.dirt.choose(source, number, batch.identity)
                dirty = _dirty_rows(batch, kinds, self.dirt, source)
                writer.write(batch.columns, dirty)
                _count(truth, source, batch, dirty, family(self.plan.file_format))
                if held and batch.order_key is not None and batch.line is not None:
                    good = ~self.dirt.rejected(source, number, batch.identity)
                    held.add(number, batch.order_key[good], batch.line[good])
                rows += len(batch)
                yield len(batch)
        if not written and SOURCES[source].must_arrive:
            written.add(empty_key(source, day))
            self._target.put(empty_key(source, day), b"")
        truth.files = len(written)
        self.foreign += [key for key in self._target.names(day_prefix(source, day)) if key not in written]

    def run(self) -> Iterator[tuple[date, str, int]]:
        """Write everything; yields (day, source, rows) as rows are done."""
        held, last = None, None
        for day in self.plan.days:
            number = self.world.shop.day_number(day)
            if last != number - 1:
                # Lines that wait from before the gap are unknown; the count starts anew.
                held = Held(self.world, self.dirt, number)
            last = number
            if held:
                held.start_day(number)
            for source in self.plan.sources:
                for rows in self._write(source, day, held if source == "order_items" else None):
                    yield day, source, rows
            if held and {"orders", "order_items"} <= set(self.plan.sources):
                self.held[day.isoformat()] = {"lines": held.lines, "orders": held.orders}
        self._target.finish()

    def as_json(self) -> dict[str, object]:
        """The sidecar."""
        plan = self.plan
        return {
            "schema_version": 1,
            "seed": plan.seed,
            "lines_per_day": plan.lines_per_day,
            "opened": plan.opened.isoformat(),
            "format": plan.file_format,
            "dirt": plan.dirt,
            "days": [day.isoformat() for day in plan.days],
            "sources": {
                source: {day: truth.as_json() for day, truth in days.items()}
                for source, days in self.truth.items()
            },
            # After loading this day and the days of this run before it.
            "held_after": self.held,
        }


def day_range(text: str) -> list[date]:
    """``A:B`` (both included) or one day.

    Raises:
        ValueError: not days, or the end before the start.
    """
    first, _, last = text.partition(":")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(f"days are {text!r}; write them as 2026-01-01:2026-01-03") from None
    if end < start:
        raise ValueError(f"days are {text!r}; the end lies before the start")
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def generate(plan: Plan, to: str, truth_file: Path | None = None) -> Generator:
    """Generate without a progress bar; what tests and scripts call."""
    generator = Generator(plan, open_target(to))
    for _ in generator.run():
        pass
    write_truth(generator, to, truth_file)
    return generator


def write_truth(generator: Generator, to: str, truth_file: Path | None) -> Path | None:
    """Write the sidecar: beside a folder unless a path is given, and for a bucket only when a path is given."""
    if truth_file is None and not to.startswith("s3://"):
        truth_file = Path(to.rstrip("/") + ".truth.json")
    if truth_file is not None:
        truth_file.parent.mkdir(parents=True, exist_ok=True)
        truth_file.write_text(json.dumps(generator.as_json(), indent=1) + "\n", encoding="utf-8")
    return truth_file
