"""The processing job: raw files in, accepted and quarantined Parquet, ledger and manifests out.

Order matters for crash safety: data files first (under names that no other attempt uses), then the ledger check,
then manifests, and ``processing.json`` last. Files that a killed attempt leaves behind are named by no manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.layout import without_folders_named
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.processing import ledger
from ecommerce_dwh_glue.processing.context import Outcome, Run, Source, in_threads
from ecommerce_dwh_glue.processing.count import check_rows, count_read, count_written
from ecommerce_dwh_glue.processing.drift import find_drift, note_drift
from ecommerce_dwh_glue.processing.failures import explain
from ecommerce_dwh_glue.processing.oddities import note_oddities
from ecommerce_dwh_glue.processing.publish import publish
from ecommerce_dwh_glue.processing.read import mark_rows, read_rows, set_parallelism
from ecommerce_dwh_glue.processing.window import Window, find_window
from ecommerce_dwh_glue.processing.write import write_accepted, write_empty, write_quarantine
from ecommerce_dwh_glue.storage import Storage, StoredObject

# Objects beside the folders of days that the log names; the rest is counted.
_NAMED_STRAYS = 20


def process(
    spark: SparkSession, storage: Storage, contracts: Mapping[str, SourceContract], options: Options
) -> Outcome:
    """Process a window.

    Args:
        spark: session, tuned by `job.tune`.
        storage: object store of both buckets.
        contracts: contracts by source name.
        options: arguments of the run.

    Returns:
        The ledger and what else was noticed.

    Raises:
        JobError: files cannot be read, or the ledger does not add up; nothing is visible to later steps then.
    """
    run = Run(spark, storage, contracts, options)
    window = find_window(run)
    outcome = _new_outcome(run, window)
    sources = [
        Source(number, contract, [file for file in window.files if file.source == name])
        for number, (name, contract) in enumerate(contracts.items())
    ]
    set_parallelism(run, window.files)
    try:
        quarantine = _process_rows(run, window, sources, outcome)
    except (Py4JJavaError, PySparkException) as error:
        raise explain(run, error, window.files) from error
    finally:
        run.release()
    ledger.check(outcome.ledger)
    publish(run, window, sources, outcome, quarantine)
    run.note("manifests written; processing is complete")
    return outcome


def _new_outcome(run: Run, window: Window) -> Outcome:
    """The outcome before any row is read; window and objects that are not loaded are logged."""
    volume = sum(file.size for file in window.files)
    run.note(f"{window.start} … {window.end}: {len(window.files)} files, {volume / 1e6:,.1f} MB, can be read")
    for item in (*window.unfit, *window.strays[:_NAMED_STRAYS]):
        run.note(f"s3://{run.options.raw_bucket}/{item.remark}")
    if len(window.strays) > _NAMED_STRAYS:
        run.note(f"and {len(window.strays) - _NAMED_STRAYS:,} more beside the folders of days")
    outcome = Outcome(
        ledger.new_ledger(run.contracts, window.days),
        find_drift(window.files, run.contracts),
        unfit=without_folders_named([*window.unfit, *window.strays]),
    )
    note_drift(window.files, run.contracts, outcome)
    for file in window.files:
        outcome.ledger[(file.source, file.day)].files += 1
    return outcome


def _process_rows(
    run: Run, window: Window, sources: Sequence[Source], outcome: Outcome
) -> Sequence[StoredObject]:
    """Read, judge, count and write all rows; returns the files with quarantined rows."""
    read_rows(run, sources)
    filled = [source for source in sources if source.is_filled]
    quarantine: list[StoredObject] = []

    def mark() -> None:
        run.note(f"rows read and typed, {mark_rows(run, sources):,} need a closer look")

    def fill_the_empty() -> None:
        for source in sources:
            if source not in filled:
                write_empty(run, source)

    def reject() -> None:
        count_read(run, sources, outcome)
        check_rows(window.files, outcome)
        note_oddities(run, sources, outcome)
        quarantine.extend(write_quarantine(run, sources, outcome))

    # Side by side: while one of them is planned, the others run.
    last: list[Callable[[], None]] = [reject, *(partial(write_accepted, run, source) for source in filled)]
    if run.is_small:
        in_threads([*last, fill_the_empty])
    else:
        in_threads([mark, fill_the_empty])
        in_threads(last)
    count_written(run, sources, outcome)
    raw = sum(entry.raw_rows for entry in outcome.ledger.values())
    written = sum(len(source.accepted) for source in sources)
    run.note(f"{raw:,} rows processed, {written} Parquet files written")
    return quarantine
