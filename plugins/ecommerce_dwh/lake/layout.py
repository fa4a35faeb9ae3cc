"""The one reading of keys in the raw bucket: sensor, preflight, drift check, jobs and erasure all use it.

``<source>/dt=YYYY-MM-DD/<any>.{csv,csv.gz,json,json.gz,parquet}``, where ``jsonl`` and ``ndjson`` are other names of
``json``; an object named ``_EMPTY`` in a day's folder declares a day without activity. Every key has exactly one of the
kinds below, so that no object is forgotten:

* ``data``: a file to load.
* ``empty``: the marker ``_EMPTY``.
* ``hidden``: a name that starts with ``_`` or ``.``, or a folder marker; left alone, as Spark and Athena do.
* ``refused``: in a folder of files to load, but not readable; fails its day, because rows would be missing.
* ``unfit``: in another place (a sub-folder, an impossible day, no day at all); never loaded, always named.

Nothing here needs Airflow, boto3 or Spark; the module travels to Glue in the library zip.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ecommerce_dwh.privacy.masking import mask_path

DATA, EMPTY, HIDDEN, REFUSED, UNFIT = "data", "empty", "hidden", "refused", "unfit"
EMPTY_MARKER = "_EMPTY"
_JSON_LINES = ("json", "jsonl", "ndjson")
_TEXTS = ("csv", *_JSON_LINES)
DATA_SUFFIXES = (*(f".{form}{packed}" for form in _TEXTS for packed in ("", ".gz")), ".parquet")

_PLACE = "<source>/dt=YYYY-MM-DD/"
_DAY_FOLDER = re.compile(r"dt=([0-9]{4}-[0-9]{2}-[0-9]{2})")
# A day as people write it: without zeros, with other signs, with blanks around it.
_LIKE_DAY = re.compile(r"\s*[dD][tT]\s*=\s*([0-9]{4})[-_./]?([0-9]{1,2})[-_./]?([0-9]{1,2})\s*")
_FORMAT = re.compile(rf"\.(?:({'|'.join(_TEXTS)})(\.gz)?|(parquet))\Z", re.IGNORECASE)
# Names that UNLOAD of Redshift gives: slice, part, and the compression. Its text has no header unless asked for.
_UNLOADED = re.compile(r"(?:.*[^0-9])?[0-9]{3,4}(?:_part_[0-9]{2,})(?:\.(?:gz|bz2|zst))?\Z")
# Categories of Unicode that are no part of any name a person meant: control characters, halves of surrogate pairs,
# line and paragraph separators. They would also break logs, manifests and mails, which are made of lines.
_UNWANTED = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class RawObject:
    """An object of the raw bucket as its key reads.

    Attributes:
        key: key in the bucket.
        size: bytes as stored.
        kind: ``data``, ``empty``, ``hidden``, ``refused`` or ``unfit``.
        source: first folder of the key; empty where there is none.
        day: ``YYYY-MM-DD`` of the folder below it; empty where it is no real day.
        name: what follows the day's folder; the whole key where there is none.
        format: ``csv``, ``json`` or ``parquet`` by the end of the name, of every kind of object; empty otherwise.
        gzipped: whether the name ends in ``.gz``.
        etag: S3's fingerprint of the content; empty where it is not known.
        modified: when the object was written, ISO 8601; empty where it is not known.
        reason: why the object is refused or unfit, and what to do, as the end of a sentence about it.
    """

    key: str
    size: int = 0
    kind: str = UNFIT
    source: str = ""
    day: str = ""
    name: str = ""
    format: str = ""
    gzipped: bool = False
    reason: str = ""
    etag: str = ""
    modified: str = ""

    @property
    def is_data(self) -> bool:
        """Whether the object is a file to load."""
        return self.kind == DATA

    @property
    def is_empty_marker(self) -> bool:
        """Whether the object declares its day to be without activity."""
        return self.kind == EMPTY

    @property
    def is_named(self) -> bool:
        """Whether the object must be reported, because it is not loaded."""
        return self.kind in (REFUSED, UNFIT)

    @property
    def remark(self) -> str:
        """The key as one printable line, and why the object is not loaded."""
        return f"{shown(self.key)} {self.reason}"


def read_key(key: str, size: int = 0) -> RawObject:
    """Read a key of the raw bucket.

    Args:
        key: key in the bucket, as a listing gives it (decoded).
        size: bytes as stored.
    """
    source, _, below = key.partition("/")
    if not below:
        return _judged(key, size, "", "", key)
    folder, slash, name = below.partition("/")
    match = _DAY_FOLDER.fullmatch(folder) if slash else None
    return _judged(key, size, source, match[1] if match else "", name if match else below)


def read_folder(prefix: str) -> RawObject | None:
    """A folder of a source that is no day's, as an object that is not loaded; None for the folder of a day.

    Args:
        prefix: ``<source>/<folder>/``.
    """
    source, _, below = prefix.partition("/")
    name = below.rstrip("/")
    if read_key(f"{prefix}x").day:
        return None
    reason = "is no day's folder (dt=YYYY-MM-DD) and is not loaded"
    if match := _LIKE_DAY.fullmatch(name):
        day = f"{match[1]}-{match[2]:>02}-{match[3]:>02}"
        reason = (
            f"is no day's folder and is not loaded; name it dt={day}"
            if is_day(day)
            else f"is the folder of {day}, a day that no calendar has, and is not loaded"
        )
    return RawObject(prefix, source=source, reason=reason)


def read_top_folder(name: str, sources: Iterable[str]) -> RawObject | None:
    """A folder of the bucket that is no source's, as an object that is not loaded; None for others and hidden ones.

    Args:
        name: its name, without the slash.
        sources: all sources.
    """
    if name in sources or name.startswith(("_", ".")):
        return None
    likely = _plain(name)
    meant = next((source for source in sources if _plain(source) == likely), "")
    hint = f"name it {meant}" if meant else "see include/sources"
    return RawObject(f"{name}/", reason=f"is the folder of no source and is not loaded; {hint}")


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def without_folders_named(found: Iterable[RawObject]) -> list[RawObject]:
    """Objects that are not loaded, without folders of which objects are named as well."""
    every = list(found)
    keys = {item.key for item in every if not item.key.endswith("/")}
    tops = {key[: key.index("/", key.index("/") + 1) + 1] for key in keys if key.count("/") > 1}
    return [item for item in every if item.key not in tops]


def _judged(key: str, size: int, source: str, day: str, name: str) -> RawObject:
    last = name.rpartition("/")[2]
    match = _FORMAT.search(last)
    form = (match[1] or match[3]).lower() if match else ""
    form = "json" if form in _JSON_LINES else form
    real = is_day(day)
    kind, reason = _kind(key, size, source, day, name, form)
    return RawObject(key, size, kind, source, day if real else "", name, form, bool(match and match[2]), reason)


def _kind(key: str, size: int, source: str, day: str, name: str, form: str) -> tuple[str, str]:
    if size == 0 and key.endswith(("/", "_$folder$")):
        return HIDDEN, ""
    if not source or not day:
        return UNFIT, f"lies in no folder {_PLACE} and is not loaded; move it there or delete it"
    if not is_day(day):
        return (
            UNFIT,
            f"lies in the folder of {day}, a day that no calendar has; move it to the folder of its day",
        )
    if "/" in name:
        return UNFIT, f"lies in a sub-folder and is not loaded; move it directly into {_PLACE} or delete it"
    if name == EMPTY_MARKER:
        return EMPTY, ""
    if name.startswith((".", "_")):
        return HIDDEN, ""
    if unwanted := next((char for char in name if unicodedata.category(char) in _UNWANTED), None):
        return (
            REFUSED,
            f"has the control character U+{ord(unwanted):04X} in its name; send it under another name",
        )
    if not form and _UNLOADED.match(name):
        return (
            REFUSED,
            "has the name that UNLOAD gives to texts without a header; unload with FORMAT PARQUET, or with CSV HEADER "
            "EXTENSION 'csv' (with GZIP: EXTENSION 'csv.gz')",
        )
    if not form:
        return (
            REFUSED,
            "is no kind of file that can be read; name it .csv, .csv.gz, .json, .json.gz (or .jsonl) or .parquet",
        )
    return DATA, ""


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, written ``YYYY-MM-DD``."""
    if not _DAY_FOLDER.fullmatch(f"dt={text}"):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def key_id(key: str) -> str:
    """A key's fingerprint, by which a run's files are found again where the keys themselves are masked."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shown(key: str) -> str:
    """A key as a person may see it: people masked, one line, with escapes for whatever does not print."""
    return "".join(
        char
        if char.isprintable() and char != "\\"
        else char.encode("unicode_escape", "backslashreplace").decode()
        for char in mask_path(key)
    )


def folder(source: str, day: str) -> str:
    """Key prefix of a source's day."""
    return f"{source}/dt={day}/"


def window_prefix(source: str, start_date: str, end_date: str) -> tuple[str, str]:
    """Prefix and start of the one listing that shows a source's days from ``start_date`` to ``end_date``.

    Keys come back in the order of their UTF-8 bytes, and ISO dates sort like days, so a range is one scan from its
    first day on; `is_behind` finds the end of the scan. Neighbours whose folder only begins like a day's are part of
    it, so that ``dt=2026-01-01 copy/`` is seen.
    """
    prefix = f"{source}/dt={start_date}"
    return (prefix, "") if start_date == end_date else (f"{source}/dt=", prefix)


def is_behind(key: str, source: str, end_date: str) -> bool:
    """Whether a key, and so every later one of the listing, is after the window's last day."""
    begin = len(source) + len("/dt=")
    return key[begin : begin + len(end_date)] > end_date
