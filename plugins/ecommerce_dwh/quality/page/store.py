"""Reads quality reports from S3 for the page, fast enough for two years of them.

A listing gives the existing reports and their ETags; the months' index objects (see `index`) hold the figures that
were read of them before. Only new and changed reports are read, in parallel, newest first, and within a time budget:
a visitor gets an answer at once, and the rest is read in the background. Index objects are written back to
``quality/index/`` where the server has the permission, and are kept in memory otherwise.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecommerce_dwh.lake.s3 import RECORD_BYTES, REPORT_BYTES, TooLarge
from ecommerce_dwh.quality.page.bucket import WORKERS, Bucket, StoreError, page_client
from ecommerce_dwh.quality.page.index import INDEX_BYTES, DayEntry, IndexUnusable, Month, read_day_report
from ecommerce_dwh.quality.report import OVERRIDE_FILE, ReportNotReady
from ecommerce_dwh.quality.report_model import NotAsDocumented, checked_override, parse_json, real_day

log = logging.getLogger(__name__)

PREFIX = "quality/dt="
INDEX_PREFIX = "quality/index/v1/"
FRESH_SECONDS = 10.0
BUDGET_SECONDS = 0.6
PATIENCE_SECONDS = 8.0  # for another visitor's listing


@dataclass(frozen=True)
class Listed:
    """A report as listing shows it."""

    key: str
    etag: str
    modified: str


@dataclass
class MonthFiles:
    """The reports of a month: the newest of each day, and those of single runs."""

    newest: dict[str, Listed] = field(default_factory=dict)
    runs: dict[str, dict[str, Listed]] = field(default_factory=dict)
    overrides: set[str] = field(default_factory=set)  # keys
    looked_at: float = -1e9


@dataclass(frozen=True)
class Snapshot:
    """The index of a span of months.

    Attributes:
        months: index of each month, oldest first.
        known_months: all months that have reports, oldest first.
        pending: reports that are still being read.
    """

    months: tuple[Month, ...]
    known_months: tuple[str, ...]
    pending: int = 0

    def entry(self, day: str) -> DayEntry | None:
        """The day's own newest report."""
        for month in self.months:
            if month.name == day[:7]:
                return month.days.get(day)
        return None

    @property
    def newest_day(self) -> str:
        """The last day that has a report; empty when there is none."""
        return max((day for month in self.months for day in month.days), default="")


@dataclass(frozen=True)
class DayReport:
    """A day's report as stored in S3.

    Attributes:
        report: the content; None when it is missing or cannot be read.
        problem: why it is None.
        runs: run keys that left a report for the day, newest first.
        override: who opened the run's closed gate and why; None when nobody did.
    """

    day: str
    report: Mapping[str, Any] | None
    problem: str = ""
    runs: tuple[str, ...] = ()
    override: Mapping[str, Any] | None = None


class QualityStore:
    """Reports and their index; one per server process, used by many threads.

    Args:
        bucket: processed bucket.
        client: makes an S3 client; called once, and again after a failure.
        budget: seconds that a visitor waits for reports that are not in the index yet.
        fresh: seconds for which a listing is taken as current.
        patience: seconds that a visitor waits for the listing of another one.
    """

    def __init__(
        self,
        bucket: str,
        client: Callable[[], Any] = page_client,
        *,
        budget: float = BUDGET_SECONDS,
        fresh: float = FRESH_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.bucket = bucket
        self.budget = budget
        self.fresh = fresh
        self.patience = patience
        self._bucket = Bucket(bucket, client)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="quality-page")
        self._state = threading.RLock()  # guards what follows
        self._refreshing = threading.Lock()  # one listing at a time; the others profit from it
        self._months: dict[str, Month] = {}
        self._files: dict[str, MonthFiles] = {}
        self._known: tuple[str, ...] = ()
        self._known_at = -1e9
        self._in_flight: dict[str, Future[None]] = {}
        self._may_write = True

    # --- requests of the page ---

    def warm_up(self, months: int = 24) -> None:
        """Load provider, connection and index before the first visitor comes; errors are theirs to see."""
        try:
            self.snapshot(months=months, budget=30)
        except StoreError as error:
            log.info("The data quality page could not be prepared: %s", error)

    def snapshot(self, months: int, until: str = "", budget: float | None = None) -> Snapshot:
        """The index of a span of months, brought up to date.

        Args:
            months: how many months.
            until: last month (``YYYY-MM``); the newest when empty. Later months are loaded too, since a report of
                a range of days lies at the range's end.
            budget: seconds to wait for reports that are not in the index yet.

        Raises:
            StoreError: S3 cannot be read.
        """
        if not self._refreshing.acquire(timeout=self.patience):
            raise StoreError("S3 is slow: another visitor's request still waits for it. Please try again.")
        try:
            known = self._list_months()
            until = until or (known[-1] if known else "")
            wanted = [name for name in known if name > shift_month(until, -months)] if until else []
            self._bucket.guarded(lambda: self._refresh(wanted, self.budget if budget is None else budget))
        finally:
            self._refreshing.release()
        with self._state:
            loaded = tuple(self._months[name] for name in wanted)
            pending = sum(not future.done() for future in self._in_flight.values())
        return Snapshot(loaded, known, pending)

    def report(self, day: str, run: str = "") -> DayReport:
        """The report of a day, or of one of its runs.

        Raises:
            StoreError: S3 cannot be read.
        """
        files = self._bucket.guarded(lambda: self._list_month(day[:7]))
        runs = files.runs.get(day, {})
        ordered = tuple(sorted(runs, key=lambda name: runs[name].modified, reverse=True))
        listed = runs.get(run) if run else files.newest.get(day)
        if listed is None:
            why = f"run {run} left no report for {day}" if run else f"there is no report for {day}"
            return DayReport(day, None, why, ordered)
        try:
            body = self._bucket.guarded(lambda: self._bucket.get(listed.key, REPORT_BYTES))
            if body is None:
                return DayReport(day, None, "the report was deleted a moment ago", ordered)
            report = read_day_report(body, day)
            return DayReport(day, report, "", ordered, self._override(files, day, report["run_id"]))
        except TooLarge as why:
            return DayReport(day, None, f"the report is too large: {why}", ordered)
        except ReportNotReady as why:
            return DayReport(day, None, str(why), ordered)

    def _override(self, files: MonthFiles, day: str, run: str) -> Mapping[str, Any] | None:
        key = f"{PREFIX}{day}/{run}/{OVERRIDE_FILE}"
        if key not in files.overrides:
            return None
        try:
            body = self._bucket.guarded(lambda: self._bucket.get(key, RECORD_BYTES))
            return checked_override(parse_json(body or b""))
        except (TooLarge, NotAsDocumented) as why:
            log.info("s3://%s/%s cannot be read: %s", self.bucket, key, why)
            return {"reason": "the record cannot be read", "by": "unknown", "at": ""}

    def html(self, day: str, run: str = "") -> bytes | None:
        """The HTML page that the quality job wrote; None when there is none.

        Raises:
            TooLarge: it is larger than such a page can be.
            StoreError: S3 cannot be read.
        """
        folder = f"{PREFIX}{day}/{run}/" if run else f"{PREFIX}{day}/"
        return self._bucket.guarded(lambda: self._bucket.get(f"{folder}report.html", REPORT_BYTES))

    # --- what the bucket lists ---

    def _list_months(self) -> tuple[str, ...]:
        if time.monotonic() - self._known_at >= self.fresh:

            def work() -> set[str]:
                return {
                    prefix["Prefix"][len(PREFIX) :][:7]
                    for page in self._bucket.pages(PREFIX, "/")
                    for prefix in page.get("CommonPrefixes", ())
                    if _is_day(prefix["Prefix"][len(PREFIX) :].rstrip("/"))
                }

            self._known = tuple(sorted(self._bucket.guarded(work)))
            self._known_at = time.monotonic()
        return self._known

    def _list_month(self, name: str) -> MonthFiles:
        with self._state:
            files = self._files.get(name)
        if files is not None and time.monotonic() - files.looked_at < self.fresh:
            return files
        files = MonthFiles(looked_at=time.monotonic())
        for page in self._bucket.pages(f"{PREFIX}{name}-"):
            for item in page.get("Contents", ()):
                day, _, rest = item["Key"][len(PREFIX) :].partition("/")
                run, _, file = rest.rpartition("/")
                if not _is_day(day) or "/" in run:
                    continue
                if file == OVERRIDE_FILE:
                    files.overrides.add(item["Key"])
                if file != "report.json":
                    continue
                listed = Listed(item["Key"], item["ETag"], item["LastModified"].isoformat())
                if run:
                    files.runs.setdefault(day, {})[run] = listed
                else:
                    files.newest[day] = listed
        with self._state:
            self._files[name] = files
        return files

    # --- bringing the index up to date ---

    def _refresh(self, names: Sequence[str], budget: float) -> None:
        deadline = time.monotonic() + budget
        with self._state:
            absent = [name for name in names if name not in self._months]
        listings = [self._pool.submit(self._list_month, name) for name in names]
        loads = [self._pool.submit(self._load_index, name) for name in absent]
        files = {name: future.result() for name, future in zip(names, listings, strict=True)}
        for name, load in zip(absent, loads, strict=True):
            month = load.result()
            with self._state:
                self._months.setdefault(name, month)
        jobs: list[Future[None]] = []
        changed: dict[str, list[Future[None]]] = {}
        for name in reversed(names):
            with self._state:
                month = self._months[name]
                for day in [day for day in month.days if day not in files[name].newest]:
                    month.forget(day)
                    changed.setdefault(name, [])
            for day, listed in sorted(files[name].newest.items(), reverse=True):
                entry = month.days.get(day)
                if entry is not None and entry.etag == listed.etag:
                    continue
                job = self._submit(month, day, listed)
                jobs.append(job)
                changed.setdefault(name, []).append(job)
        for name, waiting in changed.items():
            self._write_later(name, waiting)
        done, _ = wait(jobs, timeout=max(deadline - time.monotonic(), 0))
        for job in done:
            job.result()

    def _submit(self, month: Month, day: str, listed: Listed) -> Future[None]:
        with self._state:
            running = self._in_flight.get(listed.key)
            if running is not None and not running.done():
                return running
            future = self._pool.submit(self._read_into, month, day, listed)
            self._in_flight[listed.key] = future
            return future

    def _read_into(self, month: Month, day: str, listed: Listed) -> None:
        body, problem = b"", ""
        try:
            # A report that was deleted since the listing is an empty one, which says that it is not whole.
            body = self._bucket.get(listed.key, REPORT_BYTES) or b""
        except TooLarge as why:
            problem = f"the report is too large: {why}"
        with self._state:
            month.apply(day, listed.etag, body, problem)
            self._in_flight.pop(listed.key, None)

    def _load_index(self, name: str) -> Month:
        try:
            body = self._bucket.get(f"{INDEX_PREFIX}{name}.json.gz", INDEX_BYTES)
            return Month(name) if body is None else Month.load(name, body)
        except (IndexUnusable, TooLarge) as why:
            log.info("The index of %s is built anew: %s", name, why)
            return Month(name)

    def _write_later(self, name: str, waiting: Sequence[Future[None]]) -> None:
        """Write a month's index once its reports are in; nobody waits for it."""
        if not self._may_write:
            return
        left = [len(waiting)]

        def one_done(_: Any) -> None:
            with self._state:
                left[0] -= 1
                if left[0] > 0:
                    return
            self._soon(self._write, name)

        if not waiting:
            self._soon(self._write, name)
        for job in waiting:
            job.add_done_callback(one_done)

    def _soon(self, work: Callable[[str], None], name: str) -> None:
        try:
            self._pool.submit(work, name)
        except RuntimeError:  # the store is closing
            work(name)

    def _write(self, name: str) -> None:
        with self._state:
            body = self._months[name].dump()
        try:
            self._bucket.put(f"{INDEX_PREFIX}{name}.json.gz", body, "application/gzip")
        except (ClientError, BotoCoreError, OSError, StoreError) as error:
            # A server without the right to write builds its index in memory, after each restart.
            self._may_write = False
            log.warning("The data quality page cannot keep its index in S3: %s", error)

    def close(self) -> None:
        """End the threads, after what they have begun."""
        self._pool.shutdown(wait=True)


def _is_day(text: str) -> bool:
    try:
        return real_day(text) == text
    except ValueError:
        return False


def shift_month(month: str, by: int) -> str:
    """The month that lies ``by`` months from ``month`` (``YYYY-MM``)."""
    number = int(month[:4]) * 12 + int(month[5:7]) - 1 + by
    return f"{number // 12:04}-{number % 12 + 1:02}"
