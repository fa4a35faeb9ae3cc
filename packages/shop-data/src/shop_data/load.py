"""Puts real data into the raw bucket, day by day, with every row's bytes as they were delivered.

Three layouts are understood, also side by side in one folder:

* ``daily/dt=YYYY-MM-DD/<source>.csv.gz``: files are landed as they are;
* ``full/<source>.csv.gz``: one file per source, split by the rows' own dates (a source that is in ``daily/``
  too is taken from there) or landed whole as one day;
* ``<source>/dt=YYYY-MM-DD/<any file>``: the raw bucket's own layout.

Days without a file of a source that every day must bring are declared empty. No row is dropped: one whose date
cannot be read lands on the first day, and the summary says so.
"""

from __future__ import annotations

import re
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from shop_data.records import header_names, read_records
from shop_data.schema import EMPTY_MARK, SOURCES
from shop_data.target import Target, day_prefix, empty_key, open_target

_DAY_FOLDER = re.compile(r"dt=(\d{4}-\d{2}-\d{2})")
_FLUSH_BYTES = 32 << 20
# The column with a row's date. Order lines have the date of their order.
_DATED_BY = {"orders": "order_date", "web_events": "event_timestamp"}
_RECORDS = ("customers", "products")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how much of how much."""


class LoadError(ValueError):
    """A folder that cannot be loaded; the message says what to give."""


@dataclass
class LoadedRange:
    """Result of `load_folder`: the days to run, and counts of their files and rows."""

    start: date
    end: date
    to: str
    files: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    days_with_files: Counter[str] = field(default_factory=Counter)
    declared_empty: Counter[str] = field(default_factory=Counter)
    undated: Counter[str] = field(default_factory=Counter)  # landed on the first day for want of a date
    outside: Counter[str] = field(default_factory=Counter)  # dated outside the days asked for, not landed
    foreign: list[str] = field(default_factory=list)  # other files of these days, left alone or replaced
    ignored: dict[str, str] = field(default_factory=dict)  # files of the folder that were not landed, and why

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=number) for number in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Layout:
    """The files of a folder, by source, and the others with the reason why they are not read."""

    daily: dict[str, dict[date, list[Path]]]
    full: dict[str, Path]
    ignored: dict[str, str] = field(default_factory=dict)


def find_files(folder: Path) -> Layout:
    """Recognise a folder's layout.

    Raises:
        LoadError: there is nothing to load.
    """
    if not folder.is_dir():
        raise LoadError(f"{folder} is no folder")
    daily: dict[str, dict[date, list[Path]]] = defaultdict(lambda: defaultdict(list))
    full: dict[str, Path] = {}
    ignored: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name[0] in "._":
            continue
        parts = path.relative_to(folder).parts
        day = next((match[1] for part in parts[:-1] if (match := _DAY_FOLDER.fullmatch(part))), None)
        stem = path.name.split(".", maxsplit=1)[0]
        if day is not None:
            source = parts[-3] if len(parts) > 2 and parts[-3] in SOURCES else stem
            if source in SOURCES and is_day(day):
                daily[source][date.fromisoformat(day)].append(path)
            else:
                ignored[path.relative_to(folder).as_posix()] = (
                    "is no file of a source" if is_day(day) else f"{day} is a day that no calendar has"
                )
        elif (
            path.name in (f"{stem}.csv", f"{stem}.csv.gz") and stem in SOURCES and parts[:-1] in ((), ("full",))
        ):
            full[stem] = path
        else:
            ignored[path.relative_to(folder).as_posix()] = (
                "is in no folder full/ or dt=YYYY-MM-DD" if stem in SOURCES else "is no file of a source"
            )
    for source, path in full.items():
        if source in daily:
            ignored[path.relative_to(folder).as_posix()] = f"{source} is taken from the folders of days"
    if not daily and not full:
        raise LoadError(
            f"{folder} holds no source files; expected full/<source>.csv.gz or "
            f"daily/dt=YYYY-MM-DD/<source>.csv.gz with <source> one of {', '.join(SOURCES)}"
        )
    return Layout({source: dict(days) for source, days in daily.items()}, full, ignored)


def is_day(text: str) -> bool:
    """Whether ``YYYY-MM-DD`` is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def row_day(text: bytes, pattern: str | None = None) -> date | None:
    """The UTC day of a timestamp or date; None when it cannot be read.

    Only ISO 8601 is understood, unless ``pattern`` (as of strptime) says otherwise: a guess would turn the
    second of January into the first of February without anybody noticing.
    """
    value = text.decode("utf-8", "replace").strip()
    try:
        if pattern:
            return datetime.strptime(value, pattern).date()  # noqa: DTZ007 - no zone means UTC
        if len(value) <= 19:
            return date.fromisoformat(value[:10]) if value[4:5] == "-" else None
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


class _DayFiles:
    """Rows of one source by day, kept on disk until the days are known to be complete."""

    def __init__(self, folder: Path, source: str, header: bytes) -> None:
        self._folder, self._source, self._header = folder, source, header
        self._waiting: dict[date, list[bytes]] = defaultdict(list)
        self._bytes = 0
        self.rows: Counter[date] = Counter()

    def _path(self, day: date) -> Path:
        return self._folder / f"{self._source}-{day}"

    def add(self, day: date, record: bytes) -> None:
        self._waiting[day].append(record)
        self.rows[day] += 1
        self._bytes += len(record)
        if self._bytes > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        for day, records in self._waiting.items():
            with self._path(day).open("ab") as file:
                file.writelines(records)
        self._waiting.clear()
        self._bytes = 0

    def land(self, target: Target) -> Iterator[str]:
        """Write a gzipped file per day; yields the keys."""
        self._flush()
        for day in sorted(self.rows):
            key = f"{day_prefix(self._source, day)}{self._source}.csv.gz"
            with target.file(key) as path, path.open("wb") as out, self._path(day).open("rb") as rows:
                packer = zlib.compressobj(6, zlib.DEFLATED, 31)
                out.write(packer.compress(self._header))
                while chunk := rows.read(1 << 20):
                    out.write(packer.compress(chunk))
                out.write(packer.flush())
            self._path(day).unlink()
            yield key


def _whole_line(record: bytes) -> bytes:
    """A file's last line may lack its end; between other rows it needs one."""
    return record if record.endswith(b"\n") else record + b"\n"


class _Loader:
    def __init__(
        self,
        layout: Layout,
        target: Target,
        *,
        order_date_format: str | None,
        by_updated_at: bool,
        progress: Progress,
    ) -> None:
        self._layout = layout
        self._target = target
        self._format = order_date_format
        self._by_updated_at = by_updated_at
        self._progress = progress
        self._order_days: dict[bytes, date] = {}
        self._written: set[str] = set()

    # --- reading --------------------------------------------------------------------------------------------

    def _read(self, source: str, path: Path) -> Iterator[tuple[bytes, list[bytes]]]:
        for number, record in enumerate(read_records(path)):
            if number % 50_000 == 0:
                self._progress(f"reading {source}", number, 0)
            yield record

    def _full_order_days(self) -> list[date]:
        """Read the orders once for their dates, which also date their lines."""
        if "orders" in self._layout.daily:
            if "order_items" in self._layout.full and "order_items" not in self._layout.daily:
                self._order_days_of_folders()
            return []
        path = self._layout.full.get("orders")
        if path is None:
            return []
        rows = self._read("orders", path)
        names = header_names(next(rows)[1])
        for column in ("order_id", "order_date"):
            if column not in names:
                raise LoadError(f"{path} has no column {column}; its header names {', '.join(names)}")
        key, dated = names.index("order_id"), names.index("order_date")
        sample, days = b"", set()
        for _, values in rows:
            if len(values) != len(names):
                continue
            sample = sample or values[dated]
            day = row_day(values[dated], self._format)
            if day is not None:
                days.add(day)
                # Of an order that comes twice, lines go with the first.
                order = values[key].strip()
                self._order_days[order] = min(day, self._order_days.get(order, day))
        if sample and not self._order_days:
            raise LoadError(
                f"no order_date of {path} can be read, the first is {sample.decode('utf-8', 'replace')!r}; "
                "say how dates are written, e.g. --order-date-format %m/%d/%Y, or land everything with "
                "--as-one-day YYYY-MM-DD"
            )
        return sorted(days)

    def _order_days_of_folders(self) -> None:
        """Orders come by day and their lines in one file: a line goes to the folder of its order."""
        for day, paths in sorted(self._layout.daily["orders"].items()):
            for path in paths:
                rows = self._read("orders", path)
                names = header_names(next(rows)[1])
                if "order_id" in names:
                    key = names.index("order_id")
                    self._order_days |= {
                        values[key].strip(): day for _, values in rows if len(values) == len(names)
                    }

    def _day_of(self, source: str, names: list[str]) -> Callable[[list[bytes]], date | None]:
        """Finds the date of a source's rows."""

        def dated_by(column: str, pattern: str | None = None) -> Callable[[list[bytes]], date | None]:
            if column not in names:
                return lambda _: None
            place = names.index(column)
            return lambda values: row_day(values[place], pattern) if len(values) == len(names) else None

        if source == "order_items":
            if "order_id" not in names:
                return lambda _: None
            place = names.index("order_id")
            return lambda values: (
                self._order_days.get(values[place].strip()) if len(values) == len(names) else None
            )
        if source in _RECORDS:
            return dated_by("updated_at")
        return dated_by(_DATED_BY[source], self._format if source == "orders" else None)

    # --- landing --------------------------------------------------------------------------------------------

    def range(self) -> tuple[date, date]:
        """First and last day that the data speaks of."""
        days = [day for by_day in self._layout.daily.values() for day in by_day]
        days += self._full_order_days()
        if not days:
            path = self._layout.full.get("web_events")
            if path is not None:
                rows = self._read("web_events", path)
                day_of = self._day_of("web_events", header_names(next(rows)[1]))
                days = [day for _, values in rows if (day := day_of(values)) is not None]
        if not days:
            raise LoadError(
                "the folder holds no orders to take days from; give --days A:B or --as-one-day YYYY-MM-DD"
            )
        return min(days), max(days)

    def prepare(self) -> None:
        """Read what `range` would have read, where the days are given."""
        self._full_order_days()

    def _copy(self, loaded: LoadedRange, source: str, day: date, path: Path) -> None:
        key = f"{day_prefix(source, day)}{path.name}"
        self._target.copy(key, path)
        self._written.add(key)
        loaded.files += 1
        if ".csv" in path.name:
            # The header is no row. The file itself is landed as it is, readable or not.
            try:
                loaded.rows[source] += sum(1 for _ in read_records(path)) - 1
            except ValueError:
                return

    def whole(self, loaded: LoadedRange) -> None:
        """Land every full file as it is, on one day."""
        for source, path in self._layout.full.items():
            self._progress(f"landing {source}", loaded.files, len(self._layout.full))
            self._copy(loaded, source, loaded.start, path)
            loaded.days_with_files[source] = 1

    def split(self, loaded: LoadedRange, undated_day: date) -> None:
        """Land the daily files of the range, and the full files split by date."""
        for source, by_day in self._layout.daily.items():
            for number, (day, paths) in enumerate(sorted(by_day.items())):
                self._progress(f"landing {source}", number, len(by_day))
                if not loaded.start <= day <= loaded.end:
                    loaded.outside[source] += sum(1 for path in paths for _ in read_records(path)) - len(paths)
                    continue
                for path in paths:
                    self._copy(loaded, source, day, path)
                loaded.days_with_files[source] += 1
        with tempfile.TemporaryDirectory(prefix="split-") as folder:
            for source, path in self._layout.full.items():
                if source not in self._layout.daily:
                    self._split_file(loaded, Path(folder), source, path, undated_day)

    def _split_file(
        self, loaded: LoadedRange, folder: Path, source: str, path: Path, undated_day: date
    ) -> None:
        rows = self._read(source, path)
        header, names = next(rows)
        day_of = self._day_of(source, header_names(names))
        first_day_only = source in _RECORDS and not self._by_updated_at
        files = _DayFiles(folder, source, _whole_line(header))
        for record, values in rows:
            day = loaded.start if first_day_only else day_of(values)
            if day is None:
                day = undated_day
                loaded.undated[source] += 1
            elif source in _RECORDS:
                # A record that was true before the range is needed by its first day.
                day = max(day, loaded.start)
            if loaded.start <= day <= loaded.end:
                files.add(day, _whole_line(record))
            else:
                loaded.outside[source] += 1
        for number, key in enumerate(files.land(self._target)):
            self._written.add(key)
            self._progress(f"landing {source}", number, len(files.rows))
        loaded.files += len(files.rows)
        loaded.rows[source] += files.rows.total()
        loaded.days_with_files[source] += len(files.rows)

    def declare_empty(self, loaded: LoadedRange) -> None:
        """Mark the days on which nothing happened: for the pipeline, missing is not empty."""
        filled = {key.rsplit("/", 1)[0] for key in self._written}
        for source in (source for source in SOURCES.values() if source.must_arrive):
            for day in loaded.days:
                if day_prefix(source.name, day).rstrip("/") not in filled:
                    key = empty_key(source.name, day)
                    self._target.put(key, b"")
                    self._written.add(key)
                    loaded.declared_empty[source.name] += 1

    def sweep(self, loaded: LoadedRange, *, replace: bool) -> None:
        """Find files that other loads left in these days; marks of days that now have files go in any case."""
        days = {day.isoformat() for day in loaded.days}
        filled = {key.rsplit("/", 1)[0] for key in self._written if not key.endswith(f"/{EMPTY_MARK}")}
        for source in SOURCES:
            for key in self._target.names(f"{source}/"):
                match = _DAY_FOLDER.search(key)
                if match is None or match[1] not in days or key in self._written:
                    continue
                stale_mark = key.endswith(f"/{EMPTY_MARK}") and key.rsplit("/", 1)[0] in filled
                if replace or stale_mark:
                    self._target.delete(key)
                if not stale_mark:
                    loaded.foreign.append(key)


def load_folder(
    folder: Path | str,
    to: str,
    *,
    days: Iterable[date] | None = None,
    as_one_day: date | None = None,
    order_date_format: str | None = None,
    by_updated_at: bool = False,
    undated_day: date | None = None,
    replace: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> LoadedRange:
    """Land a folder of source files in a raw bucket (or a folder laid out like one).

    Args:
        folder: see the module for the layouts.
        to: ``s3://bucket[/prefix]`` or a folder.
        days: land only these days (first to last); by default all that the data speaks of.
        as_one_day: land the ``full/`` files whole on this day.
        order_date_format: strptime pattern of ``order_date``, where it is not ISO 8601; rows are not changed.
        by_updated_at: land customers and products on the day of their ``updated_at`` instead of the first day.
        undated_day: where rows without a readable date land; by default the first day.
        replace: delete other files of the landed days.
        progress: called with step, count and total.

    Returns:
        The range to run, and counts.

    Raises:
        LoadError: nothing to load, or no day can be read.
        TargetError: the bucket cannot be used.
    """
    layout = find_files(Path(folder))
    target = open_target(to)
    loader = _Loader(
        layout, target, order_date_format=order_date_format, by_updated_at=by_updated_at, progress=progress
    )
    if as_one_day is not None:
        if not layout.full:
            raise LoadError(f"{folder} has no full/<source>.csv.gz files to land as one day")
        loaded = LoadedRange(as_one_day, as_one_day, to)
        loader.whole(loaded)
    else:
        asked = sorted(days) if days is not None else None
        if asked:
            loader.prepare()
            start, end = asked[0], asked[-1]
        else:
            start, end = loader.range()
        loaded = LoadedRange(start, end, to, ignored=layout.ignored)
        loader.split(loaded, undated_day or start)
    loader.declare_empty(loaded)
    target.finish()
    loader.sweep(loaded, replace=replace)
    return loaded
