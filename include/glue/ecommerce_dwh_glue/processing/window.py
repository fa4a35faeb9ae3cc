"""The window of a run: its days, and the files of these days."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ecommerce_dwh.lake.layout import RawObject
from ecommerce_dwh_glue.job import LATEST, JobError, days_between
from ecommerce_dwh_glue.processing.context import Run
from ecommerce_dwh_glue.reading.errors import problems_text
from ecommerce_dwh_glue.reading.files import SMALL_FILE, SourceFile
from ecommerce_dwh_glue.reading.listing import Listing, latest_day, list_strays, list_top, list_window
from ecommerce_dwh_glue.reading.survey import survey_file

# Requests to the object store at a time.
_THREADS = 16


@dataclass(frozen=True)
class Window:
    """The days of a run and their files.

    Attributes:
        start, end: first and last day, ``YYYY-MM-DD``.
        files: surveyed files, sorted by key; all can be read.
        unfit: objects of these days that the raw bucket's layout has no place for.
        strays: objects and folders of the sources that lie beside the folders of days.
    """

    start: str
    end: str
    files: tuple[SourceFile, ...]
    unfit: tuple[RawObject, ...]
    strays: tuple[RawObject, ...]

    @property
    def days(self) -> list[str]:
        """All days of the window."""
        return days_between(self.start, self.end)


def find_window(run: Run) -> Window:
    """Resolve the days of a run, and survey their files.

    Raises:
        JobError: the raw bucket is empty, a required delivery is missing, or files cannot be read.
    """
    start, end = _bounds(run)
    days = days_between(start, end)
    bucket = run.options.raw_bucket
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        listings = dict(
            pool.map(
                lambda name: (name, list_window(run.storage, bucket, name, start, end)),
                run.contracts,
            )
        )
        problems = [
            problem
            for name, listing in listings.items()
            if run.contracts[name].delivery == "required"
            for problem in _missing_days(name, listing, days)
        ]
        strays = tuple(
            stray
            for found in pool.map(lambda name: list_strays(run.storage, bucket, name), run.contracts)
            for stray in found
        )
        surveyed = _survey(run, [file for listing in listings.values() for file in listing.files], pool)
    problems += [(file.key, file.problem) for file in surveyed if file.problem]
    if problems:
        raise JobError(problems_text(bucket, sorted(problems)))
    strays = (*strays, *list_top(run.storage, bucket, run.contracts))
    unfit = tuple(item for listing in listings.values() for item in listing.unfit)
    return Window(start, end, tuple(sorted(surveyed, key=lambda file: file.key)), unfit, strays)


def _bounds(run: Run) -> tuple[str, str]:
    """First and last day; ``latest`` is the newest day that any source has a folder for."""
    start, end = run.options.start_date, run.options.end_date
    if LATEST in (start, end):
        newest = latest_day(run.storage, run.options.raw_bucket, run.contracts)
        if newest is None:
            raise JobError(
                f"the raw bucket s3://{run.options.raw_bucket} holds no day (<source>/dt=YYYY-MM-DD/)"
            )
        end = newest if end == LATEST else end
        start = newest if start == LATEST else start
    if start > end:
        raise JobError(f"start_date {start} is after end_date {end}")
    return start, end


def _missing_days(name: str, listing: Listing, days: Sequence[str]) -> list[tuple[str, str]]:
    """The problem of a required source that has no file of a day, and no declaration that the day is empty."""
    seen = {file.day for file in listing.files} | {day for _, day in listing.empty_days}
    missing = [day for day in days if day not in seen]
    if not missing:
        return []
    more = f" nor for {len(missing) - 1} other day(s) of the window" if len(missing) > 1 else ""
    advice = "deliver it, or declare a day without activity by an object named _EMPTY"
    return [(f"{name}/dt={missing[0]}/", f"has no file{more}; {advice}")]


def _survey(run: Run, listed: Sequence[SourceFile], pool: ThreadPoolExecutor) -> list[SourceFile]:
    """Survey small files from the driver, large ones from the executors."""
    storage, contracts = run.storage, run.contracts
    bucket, limits = run.options.raw_bucket, run.options.limits

    def survey(file: SourceFile) -> SourceFile:
        return survey_file(storage, bucket, file, contracts[file.source], limits)

    small: list[SourceFile] = []
    large: list[SourceFile] = []
    for file in listed:
        (small if file.size <= SMALL_FILE or file.problem else large).append(file)
    surveyed = list(pool.map(survey, small))
    if large:
        surveyed += run.spark.sparkContext.parallelize(large, len(large)).map(survey).collect()
    return surveyed
