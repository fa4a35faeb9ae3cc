"""Counts raw files in plain Python, so that the content of a warehouse can be compared with the counts.

No code is shared with the pipeline: rows are read with this package's CSV reader and `json`, numbers with
`Decimal`, and the rules of the sources are implemented a second time (`raw_rules`). All counts are
kept in memory; meant for days that a test loads, a few million rows at most.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from shop_data.raw_rows import rows_of
from shop_data.raw_rules import Rules, Values, amount_of, checks_of, moment_of, rule_broken
from shop_data.schema import EMPTY_MARK, SOURCES, Source
from shop_data.target import s3_client

_KEY = re.compile(r"(?P<source>[a-z_]+)/dt=(?P<day>\d{4}-\d{2}-\d{2})/(?P<name>[^/]+)")


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
        checks = checks_of(source, self._rules)
        for values, defect in rows_of(name, data, source):
            amount = amount_of(values) if values and source.name == "order_items" else Decimal(0)
            tally.raw_rows += 1
            tally.raw_amount += amount
            rule = rule_broken(values, checks) if values else defect
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
        version = moment_of(values["updated_at"] or day) if has_version else None
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
