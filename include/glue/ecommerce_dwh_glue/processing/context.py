"""A run of the processing job: its surroundings, the sources on their way through it, and its outcome."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pyspark import StorageLevel, inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.layout import RawObject
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.processing.ledger import Entry
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.storage import Storage, StoredObject

# Remarks of a kind, source and day that are kept; the ledger has their number.
MOST_REMARKS = 20


@dataclass
class Outcome:
    """The result of a run.

    Attributes:
        ledger: entries by source and day.
        drift: unknown or missing optional columns: source, column, kind, files.
        rounded: rows whose decimals lost digits, by source.
        unfit: objects of the window, and beside the folders of all days, that the raw bucket's layout has no place for;
            they were not loaded.
        remarks: what is odd about the rows of a source and day, for people: source, day, rule kind, text.
    """

    ledger: dict[tuple[str, str], Entry]
    drift: list[dict[str, Any]] = field(default_factory=list)
    rounded: dict[str, int] = field(default_factory=dict)
    unfit: list[RawObject] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def remark(self, source: str, day: str, kind: str, text: str) -> None:
        """Add a remark, unless there are enough of its kind."""
        alike = [one for one in self.remarks if (one.source, one.day, one.kind) == (source, day, kind)]
        if len(alike) < MOST_REMARKS:
            self.remarks.append(Remark(source, day, kind, text))


@dataclass(frozen=True)
class Remark:
    """What is odd about rows of a source and day; shows no more of them than may be shown.

    Attributes:
        kind: the kind of rule that judges it.
        text: the beginning of a sentence: a key, a file, a column.
    """

    source: str
    day: str
    kind: str
    text: str


@dataclass(eq=False)
class Source:
    """One source on its way through the job.

    Attributes:
        number: its place among the contracts; rows of several sources are grouped by it.
        contract: its contract.
        files: its surveyed files.
        rows: typed rows; None when all rows are ranked, or there are none.
        marks: key hashes of the rows that need a closer look.
        marked_rows: how many rows have such a hash.
        ranked: those rows, or all rows of a small window; None when there are none.
        accepted: the Parquet files that were written.
    """

    number: int
    contract: SourceContract
    files: list[SourceFile]
    rows: DataFrame | None = None
    marks: DataFrame | None = None
    marked_rows: int = 0
    ranked: DataFrame | None = None
    accepted: list[StoredObject] = field(default_factory=list)

    @property
    def is_filled(self) -> bool:
        """Whether any row was read."""
        return self.rows is not None or self.ranked is not None


@dataclass(eq=False)
class Run:
    """Surroundings that every step of a run needs.

    Attributes:
        spark: session, tuned by `job.tune`.
        storage: object store of both buckets.
        contracts: contracts by source name.
        options: arguments of the run.
        attempt: part of the names of written files, so that a second attempt never meets the files of the first.
        is_small: whether the window is small enough to rank all rows.
    """

    spark: SparkSession
    storage: Storage
    contracts: Mapping[str, SourceContract]
    options: Options
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    is_small: bool = True
    _kept: list[DataFrame] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    @property
    def cores(self) -> int:
        """Tasks that run at once."""
        return self.spark.sparkContext.defaultParallelism

    def note(self, text: str) -> None:
        """Write progress to the job's log."""
        print(f"[{time.monotonic() - self._started:6.1f} s] {text}", flush=True)

    def keep(self, rows: DataFrame) -> DataFrame:
        """Have rows computed once; rows that do not fit into memory go to disk."""
        self._kept.append(rows.persist(StorageLevel.MEMORY_AND_DISK_DESER))
        return rows

    def release(self) -> None:
        """Drop the kept rows."""
        for frame in self._kept:
            frame.unpersist()
        self._kept.clear()


def in_threads(tasks: Sequence[Callable[[], None]]) -> None:
    """Run Spark work of several sources side by side: on small days, planning takes longer than running."""
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        for future in [pool.submit(inheritable_thread_target(task)) for task in tasks]:
            future.result()
