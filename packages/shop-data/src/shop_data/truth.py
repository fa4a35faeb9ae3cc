"""Counts raw files in plain Python, to hold the warehouse against.

No code is shared with the pipeline: rows are read with this package's CSV reader and `json`, numbers with
`Decimal`, and the rules are those of the design's section on sources, written down a second time. Everything is
kept in memory; meant for days that a test loads, a few million rows at most.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from shop_data.records import header_names, split_records
from shop_data.schema import EMPTY_MARK, KEY_LENGTH, SOURCES, Source
from shop_data.target import s3_client

_KEY = re.compile(r"(?P<source>[a-z_]+)/dt=(?P<day>\d{4}-\d{2}-\d{2})/(?P<name>[^/]+)")
_INTEGER = re.compile(r"[+-]?\d+(\.0*)?")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?", re.ASCII
)
_BOOLEANS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"})

Values = dict[str, str | None]


class Bucket(Protocol):
    """Place of raw files."""

    def keys(self) -> Iterator[str]: ...

    def read(self, key: str) -> bytes: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def keys(self) -> Iterator[str]:
        return (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())

    def read(self, key: str) -> bytes:
        return (self._root / key).read_bytes()


class _S3:
    def __init__(self, url: str, client: Any = None) -> None:
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._client = client or s3_client()

    def keys(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        start = len(self._prefix) + 1 if self._prefix else 0
        return (entry["Key"][start:] for page in pages for entry in page.get("Contents", ()))

    def read(self, key: str) -> bytes:
        full = f"{self._prefix}/{key}" if self._prefix else key
        return self._client.get_object(Bucket=self._bucket, Key=full)["Body"].read()


@dataclass
class Tally:
    """Counts of one source and day, as the pipeline's ledger has them."""

    files: int = 0
    raw_rows: int = 0
    accepted_rows: int = 0
    superseded_rows: int = 0
    quarantined_rows: int = 0
    raw_amount: Decimal = Decimal(0)
    quarantined_amount: Decimal = Decimal(0)
    quarantined: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        values = {name: str(v) if isinstance(v, Decimal) else v for name, v in vars(self).items()}
        return {**values, "quarantined": dict(sorted(self.quarantined.items()))}


@dataclass
class RawTruth:
    """Counts of a window of raw files.

    Attributes:
        days: ledger per source and day.
        empty: days declared empty, per source.
        keys: distinct accepted natural keys, per source.
        held: ids of accepted lines whose order is not among the accepted orders.
        unknown_products: product ids of accepted lines that no accepted product record names.
        unknown_customers: customer ids of accepted orders that no accepted customer record names.
        guest_orders: accepted orders whose last delivered version has no customer.
        returns: accepted lines with a negative quantity.
        line_amounts: per accepted line, its newest day, and least and greatest amount on that day.
        line_orders: order of each accepted line.
    """

    days: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    empty: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    keys: dict[str, set[str]] = field(default_factory=lambda: {source: set() for source in SOURCES})
    held: set[str] = field(default_factory=set)
    unknown_products: set[str] = field(default_factory=set)
    unknown_customers: set[str] = field(default_factory=set)
    guest_orders: int = 0
    returns: int = 0
    line_amounts: dict[str, tuple[str, Decimal, Decimal]] = field(default_factory=dict)
    line_orders: dict[str, str] = field(default_factory=dict)

    def total(self, source: str) -> Tally:
        """A source's ledger over all days."""
        result = Tally()
        for (name, _), tally in self.days.items():
            if name == source:
                for attribute, value in vars(tally).items():
                    setattr(result, attribute, getattr(result, attribute) + value)
        return result

    def current_amount(self) -> tuple[Decimal, Decimal]:
        """Least and greatest Σ line_total of the current lines, held ones included.

        The two differ only where one day brings a line twice with different amounts.
        """
        amounts = self.line_amounts.values()
        return sum((least for _, least, _ in amounts), Decimal(0)), sum(
            (most for *_, most in amounts), Decimal(0)
        )

    def as_json(self) -> dict[str, object]:
        least, greatest = self.current_amount()
        return {
            "sources": {source: self.total(source).as_json() for source in SOURCES},
            "distinct_keys": {source: len(keys) for source, keys in self.keys.items()},
            "held_lines": len(self.held),
            "unknown_products": len(self.unknown_products),
            "unknown_customers": len(self.unknown_customers),
            "guest_orders": self.guest_orders,
            "returns": self.returns,
            "current_amount": [str(least), str(greatest)],
            "days_declared_empty": {source: len(days) for source, days in self.empty.items()},
        }


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text.isascii() else None
    except InvalidOperation:
        return None


def _moment(text: str, patterns: Sequence[str] = ()) -> datetime | None:
    """A timestamp in UTC: ISO 8601 or one of the declared patterns (as of strptime)."""
    for pattern in patterns:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - no zone means UTC
        except ValueError:
            continue
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"(\d) ([Z+-])", r"\1\2", text))
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


@dataclass(frozen=True)
class Rules:
    """Rules that contracts add to the built-in ones, by source and column.

    Attributes:
        lengths: greatest length in bytes, beside the 64 of natural keys.
        date_patterns: strptime patterns accepted beside ISO 8601.
    """

    lengths: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    date_patterns: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


Check = Callable[[str], str]


def _checks(source: Source, rules: Rules) -> list[tuple[str, bool, Check]]:
    """Per column: whether it is required, and what names the rule that a value breaks."""

    def text_check(limit: int) -> Check:
        # A character has at most four bytes.
        return lambda text: "too_long" if 4 * len(text) > limit and len(text.encode()) > limit else ""

    def moment_check(patterns: Sequence[str]) -> Check:
        return lambda text: "" if _moment(text, patterns) else "unparseable"

    def check(name: str, kind: str) -> Check:
        if kind == "text":
            default = KEY_LENGTH if name.endswith("_id") and name != "session_id" else 1 << 30
            return text_check(rules.lengths.get(source.name, {}).get(name, default))
        if kind in ("integer", "money"):
            return lambda text: _number_fault(name, kind, text)
        if kind == "boolean":
            return lambda text: "" if text.lower() in _BOOLEANS else "unparseable"
        return moment_check(rules.date_patterns.get(source.name, {}).get(name, ()))

    return [(name, name in source.required, check(name, kind)) for name, kind in source.columns.items()]


def _rule_broken(values: Values, checks: list[tuple[str, bool, Check]]) -> str:
    """The first rule that a row breaks; empty when it is fine."""
    for name, required, check in checks:
        text = values[name]
        if text is None:
            if required:
                return "not_null"
        elif rule := check(text):
            return rule
    return ""


def _number_fault(name: str, kind: str, text: str) -> str:
    number = _number(text)
    if number is not None and not number.is_finite():
        return "non_finite"
    if number is None or (kind == "integer" and not _INTEGER.fullmatch(text)):
        return "unparseable"
    return "below_minimum" if name == "unit_price" and number < 0 else ""


def _amount(values: Values) -> Decimal:
    """``line_total``, else quantity × unit price, else nothing."""

    def read(name: str) -> Decimal | None:
        number = _number(values.get(name) or "")
        return number if number is not None and number.is_finite() else None

    total = read("line_total")
    if total is not None:
        return total
    quantity, price = read("quantity"), read("unit_price")
    if quantity is None or price is None or quantity != int(quantity):
        return Decimal(0)
    return quantity * price


def _rows(name: str, data: bytes, source: Source) -> Iterator[tuple[Values | None, str]]:
    """Rows of a file: values by column, and what is wrong with a row as a whole."""
    if name.endswith(".parquet"):
        for record in pq.read_table(io.BytesIO(data)).to_pylist():
            texts = {column: _parquet_text(value) for column, value in record.items()}
            yield {column: _clean(texts.get(column)) for column in source.columns}, ""
        return
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    lines = data.splitlines(keepends=True) if b"\r" not in data else re.findall(rb"[^\n]*\n|[^\n]+", data)
    if ".json" in name:
        for line in lines:
            if line.strip():
                yield _json_row(line, source)
        return
    records = split_records(lines)
    names = header_names(next(records)[1])
    places = [(column, names.index(column) if column in names else -1) for column in source.columns]
    for record, fields in records:
        if not record.strip():
            continue
        if not _is_utf8(record):
            yield None, "invalid_utf8"
        elif len(fields) != len(names):
            yield None, "wrong_field_count"
        else:
            cells = [value.decode() for value in fields]
            yield {column: _clean(cells[at]) if at >= 0 else None for column, at in places}, ""


def _json_row(line: bytes, source: Source) -> tuple[Values | None, str]:
    if not _is_utf8(line):
        return None, "invalid_utf8"
    try:
        members = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        return None, "malformed_json"
    if not isinstance(members, dict):
        return None, "malformed_json"
    texts = {
        name: {True: "true", False: "false"}.get(value, str(value)) if value is not None else None
        for name, value in members.items()
    }
    return {column: _clean(texts.get(column)) for column in source.columns}, ""


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean(text: str | None) -> str | None:
    return (text or "").strip(" \t\r\n") or None


def count_raw(
    place: str,
    window: tuple[date, date] | None = None,
    *,
    rules: Rules | None = None,
    client: Any = None,
) -> RawTruth:
    """Read a raw folder or bucket and count what a warehouse of it must hold.

    Args:
        place: ``s3://bucket[/prefix]`` or a folder laid out like one.
        window: first and last day; by default everything.
        rules: what contracts add to the design's rules.
        client: S3 client; by default the local stack's.
    """
    bucket: Bucket = _S3(place, client) if place.startswith("s3://") else _Folder(Path(place))
    counter = _Counter(rules or Rules())
    for key in sorted(bucket.keys(), key=lambda key: key.split("/")[1:]):
        match = _KEY.fullmatch(key)
        if match is None or match["source"] not in SOURCES:
            continue
        source, day = SOURCES[match["source"]], match["day"]
        if window and not window[0].isoformat() <= day <= window[1].isoformat():
            continue
        if match["name"] == EMPTY_MARK:
            counter.truth.empty[source.name].add(day)
        if match["name"][0] not in "._":
            counter.add_file(source, day, match["name"], bucket.read(key))
    return counter.finish()


class _Counter:
    """Takes files in the order of their days."""

    def __init__(self, rules: Rules) -> None:
        self.truth = RawTruth()
        self._rules = rules
        self._versions: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
        self._products: set[str] = set()
        # Customer of each order's newest version.
        self._buyers: dict[str, tuple[tuple[str, str], str | None]] = {}

    def add_file(self, source: Source, day: str, name: str, data: bytes) -> None:
        tally = self.truth.days[source.name, day]
        tally.files += 1
        checks = _checks(source, self._rules)
        for values, defect in _rows(name, data, source):
            amount = _amount(values) if values and source.name == "order_items" else Decimal(0)
            tally.raw_rows += 1
            tally.raw_amount += amount
            rule = _rule_broken(values, checks) if values else defect
            if rule or values is None:
                tally.quarantined_rows += 1
                tally.quarantined_amount += amount
                tally.quarantined[rule] += 1
            else:
                tally.accepted_rows += 1
                self._accept(source, day, values, amount)

    def _accept(self, source: Source, day: str, values: Values, amount: Decimal) -> None:
        truth = self.truth
        identity = values[source.key] or ""
        has_version = source.history or source.name == "orders"
        version = _moment(values["updated_at"] or day) if has_version else None
        self._versions[source.name, day][identity, str(version) if source.history else ""] += 1
        truth.keys[source.name].add(identity)
        if source.name == "order_items":
            self._products.add(values["product_id"] or "")
            truth.returns += int((values["quantity"] or "")[0] == "-")
            truth.line_orders[identity] = values["order_id"] or ""
            newest = truth.line_amounts.get(identity)
            # A line has no version column: the newest day wins.
            if newest is None or newest[0] != day:
                truth.line_amounts[identity] = (day, amount, amount)
            else:
                truth.line_amounts[identity] = (day, min(newest[1], amount), max(newest[2], amount))
        elif source.name == "orders":
            rank = (str(version), day)
            if identity not in self._buyers or self._buyers[identity][0] <= rank:
                self._buyers[identity] = (rank, values["customer_id"])

    def finish(self) -> RawTruth:
        truth = self.truth
        for place, versions in self._versions.items():
            copies = versions.total() - len(versions)
            truth.days[place].superseded_rows = copies
            truth.days[place].accepted_rows -= copies
        truth.held = {line for line, order in truth.line_orders.items() if order not in truth.keys["orders"]}
        truth.unknown_products = self._products - truth.keys["products"]
        customers = [customer for _, customer in self._buyers.values()]
        truth.guest_orders = sum(customer is None for customer in customers)
        truth.unknown_customers = {customer for customer in customers if customer} - truth.keys["customers"]
        return truth
