"""The processing job: raw files in, accepted and quarantined Parquet, ledger and manifests out.

Order matters for crash safety: data files first (under names that no other attempt uses), then the ledger check,
then manifests, and ``processing.json`` last. Whatever a killed attempt leaves behind is named by no manifest.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial, reduce
from typing import Any
from urllib.parse import quote

from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel, inheritable_thread_target
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.layout import RawObject
from ecommerce_dwh.privacy.masking import mask_error, mask_path, shown_name
from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.job import LATEST, JobError, Options, days_between
from ecommerce_dwh_glue.processing import ledger
from ecommerce_dwh_glue.reading.source import read_source
from ecommerce_dwh_glue.reading.survey import (
    SMALL_FILE,
    FileError,
    SourceFile,
    latest_day,
    list_window,
    problems_text,
    survey_file,
    text_chunks,
)
from ecommerce_dwh_glue.rows import dedup
from ecommerce_dwh_glue.rows.casting import AMOUNT_UNIT, amount_parts_sql, good_columns, spark_type, type_rows
from ecommerce_dwh_glue.rows.sessions import derive_sessions
from ecommerce_dwh_glue.storage import Storage, StoredObject

# Bytes of text up to which all rows are ranked: there, planning takes longer than sorting.
SMALL_VOLUME = 8 << 20
# Above this many marks a shuffle is cheaper than sending them to every executor.
_BROADCAST_MARKS = 1_000_000
_ROWS_PER_FILE = 2_000_000
_RANKED_PER_TASK = 200_000
# What a path keeps as it is when Java writes it as a URI, beside letters and digits.
_URI = "/-_.!~*'()=+,;:@&$"
# Where a row of the ledger may end.
_SIDES = ("accepted", "superseded", "quarantined")
_LEDGER_SCHEMA = (
    "source string, delivery_date date, run_id string, files int, raw_rows bigint, accepted_rows bigint, "
    "superseded_rows bigint, quarantined_rows bigint, raw_amount decimal(38,4), accepted_amount decimal(38,4), "
    "superseded_amount decimal(38,4), quarantined_amount decimal(38,4)"
)


@dataclass
class Outcome:
    """What a processing run did.

    Attributes:
        ledger: entries by source and day.
        drift: unknown or missing optional columns: source, column, kind, files.
        rounded: rows whose decimals lost digits, by source.
        unfit: objects of the window that the raw bucket's layout has no place for; they were not loaded.
    """

    ledger: dict[tuple[str, str], ledger.Entry]
    drift: list[dict[str, Any]] = field(default_factory=list)
    rounded: dict[str, int] = field(default_factory=dict)
    unfit: list[RawObject] = field(default_factory=list)


@dataclass(eq=False)
class _Source:
    """One source on its way through the job."""

    number: int
    contract: SourceContract
    files: list[SourceFile]
    rows: DataFrame | None = None  # typed; None when all are ranked
    marks: DataFrame | None = None  # key hashes of the rows that need a closer look
    marked_rows: int = 0
    ranked: DataFrame | None = None  # those rows, or all of a small window
    kept: list[DataFrame] = field(default_factory=list)
    accepted: list[StoredObject] = field(default_factory=list)


def _figures(rows: DataFrame, source: _Source, side: str, *, raw: bool) -> DataFrame:
    """What the ledger needs of each row; sources and sides as numbers, since rows are grouped by them.

    Args:
        rows: typed or accepted rows.
        source: their source.
        side: SQL of the ledger's side where the row ended, a place in `_SIDES`, may be null.
        raw: whether the rows count as raw, too.
    """
    high, low = amount_parts_sql(source.contract)
    return rows.select(
        F.lit(source.number).alias("source"),
        "delivery_date",
        F.expr(side).alias("side"),
        F.lit(raw).alias("raw"),
        F.expr(high).alias("amount_high"),
        F.expr(low).alias("amount_low"),
        (F.col("rounded") if raw else F.lit(False)).alias("rounded"),
    )


class Processing:
    """One run of the processing job.

    Args:
        spark: session, tuned by `job.tune`.
        storage: object store of both buckets.
        contracts: contracts by source name.
        options: arguments of the run.
    """

    def __init__(
        self,
        spark: SparkSession,
        storage: Storage,
        contracts: Mapping[str, SourceContract],
        options: Options,
    ) -> None:
        self.spark = spark
        self.storage = storage
        self.contracts = contracts
        self.options = options
        # A second attempt of the same run must never meet the first one's files.
        self.attempt = uuid.uuid4().hex[:12]
        self.cores = spark.sparkContext.defaultParallelism
        self.small = True
        self._started = time.monotonic()

    def _note(self, text: str) -> None:
        """Progress for whoever reads the job's log."""
        print(f"[{time.monotonic() - self._started:6.1f} s] {text}", flush=True)

    def run(self) -> Outcome:
        """Process the window.

        Returns:
            The ledger and what else was noticed.

        Raises:
            JobError: files cannot be read, or the ledger does not add up; nothing is visible to later steps then.
        """
        start, end = self._window()
        days = days_between(start, end)
        unfit: list[RawObject] = []
        files = self._survey(start, end, days, unfit)
        volume = sum(file.size for file in files)
        self._note(f"{start} … {end}: {len(files)} files, {volume / 1e6:,.1f} MB, can be read")
        outcome = Outcome(ledger.new_ledger(self.contracts, days), unfit=unfit)
        for item in unfit:
            self._note(f"s3://{self.options.raw_bucket}/{item.remark}")
        for file in files:
            outcome.ledger[(file.source, file.day)].files += 1
        outcome.drift = self._drift(files)
        sources = [
            _Source(number, contract, [file for file in files if file.source == name])
            for number, (name, contract) in enumerate(self.contracts.items())
        ]
        self._set_parallelism(files)
        try:
            self._read(sources)
            filled = [source for source in sources if source.rows is not None or source.ranked is not None]
            quarantine: list[StoredObject] = []

            def mark() -> None:
                self._note(f"rows read and typed, {self._mark(sources):,} need a closer look")

            def write_empty() -> None:
                for source in sources:
                    if source not in filled:
                        self._write_empty(source)

            def reject() -> None:
                self._count_read(sources, outcome)
                self._check_rows(files, outcome)
                quarantine.extend(self._write_quarantine(sources, outcome))

            # While one of them is planned, the others run.
            last: list[Callable[[], None]] = [reject, *(partial(self._write, source) for source in filled)]
            if self.small:
                self._in_threads([*last, write_empty])
            else:
                self._in_threads([mark, write_empty])
                self._in_threads(last)
            self._count_written(sources, outcome)
            raw = sum(entry.raw_rows for entry in outcome.ledger.values())
            written = sum(len(source.accepted) for source in sources)
            self._note(f"{raw:,} rows processed, {written} Parquet files written")
        except (Py4JJavaError, PySparkException) as error:
            raise self._explain(error, files) from error
        finally:
            for source in sources:
                for frame in source.kept:
                    frame.unpersist()
        ledger.check(outcome.ledger)
        self._publish(sources, files, outcome, quarantine, start, end)
        self._note("manifests written; processing is complete")
        return outcome

    # --- what to read ---

    def _window(self) -> tuple[str, str]:
        start, end = self.options.start_date, self.options.end_date
        if LATEST in (start, end):
            newest = latest_day(self.storage, self.options.raw_bucket, self.contracts)
            if newest is None:
                raise JobError(
                    f"the raw bucket s3://{self.options.raw_bucket} holds no day (<source>/dt=YYYY-MM-DD/)"
                )
            end = newest if end == LATEST else end
            start = newest if start == LATEST else start
        if start > end:
            raise JobError(f"start_date {start} is after end_date {end}")
        return start, end

    def _survey(self, start: str, end: str, days: Sequence[str], unfit: list[RawObject]) -> list[SourceFile]:
        bucket, storage, limits = self.options.raw_bucket, self.storage, self.options.limits
        listed: list[SourceFile] = []
        problems: list[tuple[str, str]] = []
        with ThreadPoolExecutor(max_workers=16) as pool:
            listings = list(
                pool.map(lambda name: (name, list_window(storage, bucket, name, start, end)), self.contracts)
            )
            for name, listing in listings:
                listed += listing.files
                unfit += listing.unfit
                if self.contracts[name].delivery == "required":
                    seen = {file.day for file in listing.files} | {day for _, day in listing.empty_days}
                    missing = [day for day in days if day not in seen]
                    if missing:
                        more = (
                            f" nor for {len(missing) - 1} other day(s) of the window"
                            if len(missing) > 1
                            else ""
                        )
                        problems.append(
                            (
                                f"{name}/dt={missing[0]}/",
                                f"has no file{more}; deliver it, or declare a day without activity by an object "
                                "named _EMPTY",
                            )
                        )
            small = [file for file in listed if file.size <= SMALL_FILE or file.problem]
            large = [file for file in listed if not (file.size <= SMALL_FILE or file.problem)]
            surveyed = list(
                pool.map(
                    lambda file: survey_file(storage, bucket, file, self.contracts[file.source], limits), small
                )
            )
        if large:
            contracts = self.contracts

            def survey(file: SourceFile) -> SourceFile:
                return survey_file(storage, bucket, file, contracts[file.source], limits)

            surveyed += self.spark.sparkContext.parallelize(large, len(large)).map(survey).collect()
        problems += [(file.key, file.problem) for file in surveyed if file.problem]
        if problems:
            raise JobError(problems_text(bucket, sorted(problems)))
        return sorted(surveyed, key=lambda file: file.key)

    def _drift(self, files: Sequence[SourceFile]) -> list[dict[str, Any]]:
        found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for file in files:
            if not file.header:
                continue
            known = {column.name for column in self.contracts[file.source].columns}
            for name in sorted(set(file.header) - known):
                found[(file.source, name, "unknown column, ignored")].append(file.key)
            for name in sorted(known - set(file.header)):
                found[(file.source, name, "optional column missing, null")].append(file.key)
        return [
            {
                "source": source,
                "column": shown_name(name),
                "kind": kind,
                "files": [mask_path(key) for key in keys[:20]],
                "file_count": len(keys),
            }
            for (source, name, kind), keys in sorted(found.items())
        ]

    def _set_parallelism(self, files: Sequence[SourceFile]) -> None:
        volume = sum(max(file.text_bytes, file.size) for file in files)
        self.small = volume < SMALL_VOLUME
        partitions = 1 if self.small else max(self.cores, min(200, volume // (32 << 20)))
        self.spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
        # Partitions follow the volume and joins say how; planning again between stages would only take time.
        self.spark.conf.set("spark.sql.adaptive.enabled", "false")

    # --- rows ---

    def _keep(self, source: _Source, rows: DataFrame) -> DataFrame:
        """Compute rows once; what does not fit into memory goes to disk."""
        source.kept.append(rows.persist(StorageLevel.MEMORY_AND_DISK_DESER))
        return rows

    def _read(self, sources: Sequence[_Source]) -> None:
        """Read and type every source; each file is read once."""
        for source in sources:
            with_rows = [file for file in source.files if file.rows or file.format != "csv" or file.odd_quotes]
            text = read_source(
                self.spark,
                self.storage,
                self.options.raw_bucket,
                with_rows,
                source.contract,
                self.options.limits,
            )
            if text is None:
                continue
            rows = type_rows(text, source.contract)
            if self.small:
                source.ranked = self._keep(source, dedup.ranked(rows, source.contract))
            else:
                source.rows = self._keep(source, rows)

    def _mark(self, sources: Sequence[_Source]) -> int:
        """Find the rows that need a closer look, and have them ranked; returns how many they are."""
        read = {source.number: source.rows for source in sources if source.rows is not None}
        if not read:
            return 0
        # Kept, because finding them takes a pass over all rows.
        found = self._keep(sources[0], dedup.marks(read))
        sums = found.groupBy("source").agg(F.count("*").alias("marks"), F.sum("rows").alias("rows"))
        counts: dict[int, Row] = {}

        def count() -> None:
            counts.update((row["source"], row) for row in sums.collect())

        def plan() -> None:
            for number, rows in read.items():
                self._look_closer(sources[number], rows, found, tasks=1)

        # Hardly ever are they many, so what few take is planned while the rows are read.
        self._in_threads([count, plan])
        for number, rows in read.items():
            source = sources[number]
            if number not in counts:
                source.marks = source.ranked = None
                continue
            marks, source.marked_rows = counts[number]["marks"], counts[number]["rows"]
            tasks = -(-source.marked_rows // _RANKED_PER_TASK)
            if marks > _BROADCAST_MARKS or tasks > 1:
                self._look_closer(source, rows, found, tasks=tasks, many=marks > _BROADCAST_MARKS)
        return sum(source.marked_rows for source in sources)

    def _look_closer(
        self, source: _Source, rows: DataFrame, found: DataFrame, *, tasks: int, many: bool = False
    ) -> None:
        """Have those of a source's rows ranked whose marks were found."""
        marks = found.where(F.col("source") == source.number).select("key_hash")
        source.marks = marks.hint("shuffle_hash") if many else F.broadcast(marks.coalesce(1))
        few = dedup.marked(rows, source.marks, tasks)
        source.ranked = self._keep(source, dedup.ranked(few, source.contract))

    def _count(self, sources: Sequence[_Source], outcome: Outcome, parts: Sequence[DataFrame]) -> None:
        """Add what `_figures` gave to the ledger."""
        if not parts:
            return
        figures = (
            reduce(DataFrame.unionAll, parts)
            .groupBy("source", "delivery_date", "side", "raw")
            .agg(
                F.count("*").alias("rows"),
                F.sum("amount_high").alias("high"),
                F.sum("amount_low").alias("low"),
                F.count_if("rounded").alias("rounded"),
            )
        )
        for row in figures.collect():
            name = sources[row["source"]].contract.name
            entry = outcome.ledger[(name, row["delivery_date"].isoformat())]
            amount = Decimal(f"{row['high'] * AMOUNT_UNIT + row['low']}e-4")
            sides = [] if row["side"] is None else [_SIDES[row["side"]]]
            for side in [*sides, "raw"] if row["raw"] else sides:
                setattr(entry, f"{side}_rows", getattr(entry, f"{side}_rows") + row["rows"])
                setattr(entry, f"{side}_amount", getattr(entry, f"{side}_amount") + amount)
            if row["rounded"]:
                outcome.rounded[name] = outcome.rounded.get(name, 0) + row["rounded"]

    def _count_read(self, sources: Sequence[_Source], outcome: Outcome) -> None:
        """Fill the raw side of the ledger, and the sides of rows that are not accepted."""
        quarantined, superseded = _SIDES.index("quarantined"), _SIDES.index("superseded")
        lost = f"case when rule is not null then {quarantined} when place > 1 then {superseded} end"
        parts = []
        for source in sources:
            if source.rows is not None:
                parts.append(_figures(source.rows, source, "int(null)", raw=True))
            if source.ranked is not None:
                looked_at = _figures(source.ranked, source, lost, raw=self.small)
                parts.append(looked_at if self.small else looked_at.where("side is not null"))
        self._count(sources, outcome, parts)

    def _count_written(self, sources: Sequence[_Source], outcome: Outcome) -> None:
        """Fill the accepted side from the written files, so that the ledger proves them."""
        parts = []
        for source in sources:
            written = [
                self.storage.url(self.options.processed_bucket, item.key)
                for item in source.accepted
                if "/empty/" not in item.key
            ]
            if written:
                columns = source.contract.accepted_columns
                schema = ", ".join(f"`{column.name}` {spark_type(column)}" for column in columns)
                frame = self.spark.read.schema(schema).parquet(*written)
                parts.append(_figures(frame, source, str(_SIDES.index("accepted")), raw=False))
        self._count(sources, outcome, parts)

    def _check_rows(self, files: Sequence[SourceFile], outcome: Outcome) -> None:
        """Hold Spark's count against the survey's, where every file was cut at line ends."""
        expected: dict[tuple[str, str], int | None] = defaultdict(int)
        for file in files:
            place, known = (file.source, file.day), expected[(file.source, file.day)]
            exact = file.reader in ("whole", "lines", "parquet") or (file.format == "json")
            expected[place] = known + file.rows if exact and known is not None else None
        for place, rows in expected.items():
            if rows is not None and rows != outcome.ledger[place].raw_rows:
                raise JobError(
                    f"{place[0]} {place[1]}: the files hold {rows} rows, Spark read {outcome.ledger[place].raw_rows}; "
                    "were files changed while the job ran? Run it again"
                )

    def _write(self, source: _Source) -> None:
        columns = [*good_columns(source.contract), "row_hash"]
        good: list[DataFrame] = []
        if source.rows is not None:
            rest = source.rows
            if source.marks is not None:
                rest = rest.join(source.marks, "key_hash", "left_anti")
            good.append(dedup.hashed(rest, source.contract).select(columns))
        if source.ranked is not None:
            winners = source.ranked.where("rule is null and place = 1").select(columns)
            # Beside all others they are few, and need no files of their own from each task.
            few = max(1, source.marked_rows // _ROWS_PER_FILE)
            good.append(winners if self.small else winners.coalesce(few))
        self._write_accepted(source, reduce(DataFrame.unionAll, good))

    def _accepted_columns(self, rows: DataFrame, contract: SourceContract) -> DataFrame:
        complete = derive_sessions(rows.withColumn("run_id", F.lit(self.options.run_id)), contract)
        return complete.select(
            *(F.col(column.name).cast(spark_type(column)) for column in contract.accepted_columns)
        )

    def _write_accepted(self, source: _Source, rows: DataFrame) -> None:
        contract, bucket = source.contract, self.options.processed_bucket
        folder = f"accepted/{contract.name}/run={self.options.run_id}/try={self.attempt}/"
        frame = self._accepted_columns(rows, contract)
        touched = sorted({file.day for file in source.files})
        expected = sum(file.rows for file in source.files)
        small = expected < _ROWS_PER_FILE // 20
        if small:
            frame = frame.coalesce(1)
        if len(touched) == 1:
            writer, target = frame.write, f"{folder}dt={touched[0]}/"
        else:
            frame = frame.withColumn("dt", F.col("delivery_date"))
            if not small and contract.sessions is not None:
                # What was shuffled is spread over tasks again; without this every task would write every day.
                frame = frame.repartition(max(self.cores, expected // _ROWS_PER_FILE), "dt")
            writer, target = frame.write.partitionBy("dt"), folder
        # Read once, by COPY: looking for values that repeat takes longer than reading them twice, but where all of a
        # file are the same.
        writer = writer.option("parquet.enable.dictionary", "false")
        for constant in ("delivery_date", "source_file", "run_id"):
            writer = writer.option(f"parquet.enable.dictionary#{constant}", "true")
        writer.option("maxRecordsPerFile", _ROWS_PER_FILE).mode("append").parquet(
            self.storage.url(bucket, target)
        )
        source.accepted = [
            item for item in self.storage.objects(bucket, folder) if item.key.endswith(".parquet")
        ]
        if not source.accepted:
            self._write_empty(source)

    def _write_empty(self, source: _Source) -> None:
        """A file without rows, because COPY of an empty manifest is an error."""
        bucket, contract = self.options.processed_bucket, source.contract
        folder = f"accepted/{contract.name}/run={self.options.run_id}/try={self.attempt}/empty/"
        columns = [
            F.lit(None).cast(spark_type(column)).alias(column.name) for column in contract.accepted_columns
        ]
        empty = self.spark.range(0).select(columns)  # a list of no rows would start a Python worker
        empty.write.mode("append").parquet(self.storage.url(bucket, folder))
        source.accepted = [
            item for item in self.storage.objects(bucket, folder) if item.key.endswith(".parquet")
        ]

    def _write_quarantine(self, sources: Sequence[_Source], outcome: Outcome) -> list[StoredObject]:
        rows = {source.contract.name: 0 for source in sources}
        for (name, _), entry in outcome.ledger.items():
            rows[name] += entry.quarantined_rows
        bucket, run_key = self.options.processed_bucket, self.options.run_id
        before = {}
        parts = []
        for source in sources:
            if source.ranked is None or not rows[source.contract.name]:
                continue
            prefix = f"quarantine/source={source.contract.name}/run={run_key}/"
            before[prefix] = {item.key for item in self.storage.objects(bucket, prefix)}
            parts.append(
                source.ranked.where("rule is not null").select(
                    "delivery_date",
                    F.lit(run_key).alias("run_id"),
                    "source_file",
                    "source_line",
                    "rule",
                    "message",
                    "raw_text",
                    F.lit(source.contract.name).alias("source"),
                    F.lit(run_key).alias("run"),
                    F.col("delivery_date").cast("string").alias("dt"),
                )
            )
        if not parts:
            return []
        # One file per source and day, unless there is too much of it for one task.
        (
            reduce(DataFrame.unionAll, parts)
            .repartition(1 if sum(rows.values()) < 200_000 else self.cores, "source", "dt")
            .write.partitionBy("source", "run", "dt")
            .mode("append")
            .parquet(self.storage.url(bucket, "quarantine/"))
        )
        return [
            item
            for prefix, known in before.items()
            for item in self.storage.objects(bucket, prefix)
            if item.key not in known and item.key.endswith(".parquet")
        ]

    def _in_threads(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run Spark work of several sources side by side: on small days, planning takes longer than running."""
        with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
            for future in [pool.submit(inheritable_thread_target(task)) for task in tasks]:
                future.result()

    # --- results ---

    def _publish(
        self,
        sources: Sequence[_Source],
        files: Sequence[SourceFile],
        outcome: Outcome,
        quarantine_files: Sequence[StoredObject],
        start: str,
        end: str,
    ) -> None:
        bucket, run_key = self.options.processed_bucket, self.options.run_id
        folder = f"ledger/run={run_key}/try={self.attempt}/"
        rows = [
            (
                entry.source,
                dt.date.fromisoformat(entry.delivery_date),
                run_key,
                entry.files,
                entry.raw_rows,
                entry.accepted_rows,
                entry.superseded_rows,
                entry.quarantined_rows,
                entry.raw_amount,
                entry.accepted_amount,
                entry.superseded_amount,
                entry.quarantined_amount,
            )
            for entry in outcome.ledger.values()
        ]
        frame = self.spark.createDataFrame(rows, _LEDGER_SCHEMA).coalesce(1)
        frame.write.mode("append").parquet(self.storage.url(bucket, folder))
        written = [item for item in self.storage.objects(bucket, folder) if item.key.endswith(".parquet")]
        manifest.write_copy_manifest(self.storage, bucket, run_key, "ledger", written)
        for source in sources:
            manifest.write_copy_manifest(self.storage, bucket, run_key, source.contract.name, source.accepted)
        by_day: dict[tuple[str, str], list[str]] = defaultdict(list)
        for file in files:
            by_day[(file.source, file.day)].append(mask_path(file.key))
        report = {
            "schema_version": 1,
            "run_id": run_key,
            "start_date": start,
            "end_date": end,
            "attempt": self.attempt,
            "generated_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "ledger": [
                {
                    **{name: value for name, value in vars(entry).items() if not isinstance(value, Decimal)},
                    **{name: str(value) for name, value in vars(entry).items() if isinstance(value, Decimal)},
                    "source_files": by_day[(entry.source, entry.delivery_date)],
                }
                for entry in outcome.ledger.values()
            ],
            "drift": outcome.drift,
            "rounded_rows": outcome.rounded,
            # An object for each that is named, so that nothing delivered is forgotten; thousands of them are a heap
            # of leftovers, of which the count says enough.
            "not_loaded": [
                {"key": mask_path(item.key), "size": item.size, "reason": item.reason}
                for item in outcome.unfit[:1000]
            ],
            "not_loaded_count": len(outcome.unfit),
            "accepted_files": {
                source.contract.name: [item.key for item in source.accepted] for source in sources
            },
            "quarantine_files": [item.key for item in quarantine_files],
        }
        content = json.dumps(report, indent=1).encode()
        self.storage.write(bucket, manifest.processing_key(run_key), content, "application/json")

    def _explain(self, error: Exception, files: Sequence[SourceFile]) -> JobError:
        """What to tell a person when Spark failed: look again for a damaged file, else the first line of the error."""
        problems = []
        for file in files:
            if not file.gzipped or file.size <= SMALL_FILE:
                continue
            try:
                for _ in text_chunks(self.storage.open(self.options.raw_bucket, file.key), True):
                    pass
            except FileError as found:
                problems.append((file.key, str(found)))
        if problems:
            return JobError(problems_text(self.options.raw_bucket, problems))
        java = getattr(error, "java_exception", None)
        text = java.toString() if java is not None else str(error)
        # Spark names the file as a URI; of all keys, the one that it ends with is meant.
        for file in files:
            if file.format == "parquet" and f"{quote(file.key, safe=_URI)}." in text:
                problem = (file.key, "holds pages that Spark cannot read; send it again")
                return JobError(problems_text(self.options.raw_bucket, [problem]))
        return JobError(
            f"Spark failed: {mask_error(' '.join(text.split()))[:500]}; the full trace is in the job's log"
        )
