"""Random worlds with short, numeric, shared and overlapping keys: the rows that change are exactly the person's.

The search that holds the outcome against the person shares no code with the product: it undoes encodings by Python's
own modules and reads telephone numbers as runs of digits.
"""

from __future__ import annotations

import base64
import csv
import gzip
import html
import io
import itertools
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecommerce_dwh_glue.erasure.job import Erasure
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.storage import StoredObject

DAY = "2026-03-01"
PSEUDONYM = "erased-0123456789abcdef"
REQUEST = "erasures/run/request.json"
# Prefixes of each other, equal to quantities, with leading zeros, of other cases, long enough to look like an id.
KEYS = (
    "1",
    "10",
    "01",
    "100",
    "2",
    "11",
    "1.0",
    "-1",
    "A1",
    "a1",
    "a-1",
    "0",
    "C-0042",
    "C-00421",
    "9f86d081884c7d65",
)
NAMES = (
    ("Zubeida", "Quaint"),
    ("Ravi", "Rao"),
    ("Asha", "Sen"),
    ("Émile", "Zola"),
    ("李", "小龍"),
    ("Una", "O'Neil"),
)
PEOPLE = tuple(
    (f"{given.lower()}.{n}@post.example", f"+91 98765 4{n:02}10", given, family, f"{n}, Rose Lane {n}")
    for n, (given, family) in enumerate(NAMES, start=1)
)
CUSTOMERS = ("customer_id", "first_name", "last_name", "email", "phone", "address", "city", "updated_at")
ORDERS = ("order_id", "customer_id", "order_date", "shipping_postal_code", "total_amount", "order_status")
ITEMS = ("order_item_id", "order_id", "product_id", "quantity", "unit_price", "line_total")
EVENTS = ("event_id", "customer_id", "event_type", "event_timestamp", "page_url", "user_agent")
PERSONAL = {"first_name", "last_name", "email", "phone", "address", "shipping_postal_code", "user_agent"}
FREE = {"page_url"}


@dataclass
class Memory:
    """An object store in a dict."""

    held: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        for (name, key), body in sorted(self.held.items()):
            if name == bucket and key.startswith(prefix) and key > start_after:
                yield StoredObject(key, len(body))

    def read(self, bucket: str, key: str) -> bytes:
        return self.held[bucket, key]

    def open(self, bucket: str, key: str, version: str = "") -> BinaryIO:
        assert not version
        return io.BytesIO(self.held[bucket, key])

    def write(self, bucket: str, key: str, content: bytes, content_type: str) -> None:
        self.held[bucket, key] = content

    def upload(self, bucket: str, key: str, path: str) -> None:
        self.held[bucket, key] = Path(path).read_bytes()

    def delete(self, bucket: str, key: str) -> None:
        del self.held[bucket, key]

    def forget(self, bucket: str, key: str) -> None:
        self.held.pop((bucket, key), None)

    def old_versions(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        return iter(())

    def delete_old_versions(self, bucket: str, key: str) -> None:
        pass


class Here:
    """Spark's context, in this process."""

    def parallelize(self, items: list[Any], slices: int) -> Here:
        self.items = items
        return self

    def map(self, work: Any) -> Here:
        self.outcomes = [work(item) for item in self.items]
        return self

    def collect(self) -> list[Any]:
        return self.outcomes


def run(store: Memory, contracts: Any, key: str, mode: str, **more: Any) -> dict[str, Any]:
    if ("processed", REQUEST) not in store.held:
        request = {"customer_id": key, "pseudonym": PSEUDONYM, "values": {}, "shared": [], **more}
        store.write("processed", REQUEST, json.dumps(request).encode(), "")
    options = Options("dev", "ap-south-1", "raw", "processed", "latest", "latest", "run")
    return Erasure(Here(), store, contracts, options, mode).run()


# --- files ---


def as_csv(names: tuple[str, ...], rows: list[dict[str, Any]], quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows: list[dict[str, Any]], ascii_only: bool) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=3, compression="zstd")
    return sink.getvalue()


def land(store: Memory, form: str, source: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """A file of one of many forms, some of them in sub-folders or hidden."""
    bodies = {
        "csv": (f"{DAY}/a.csv", as_csv(names, rows)),
        "quoted": (f"{DAY}/sub/deep/a.csv.gz", gzip.compress(as_csv(names, rows, csv.QUOTE_ALL))),
        "json": (f"{DAY}/a.json", as_json(rows, ascii_only=True)),
        "json.gz": (f"{DAY}/_kept.json.gz", gzip.compress(as_json(rows, ascii_only=False))),
        "parquet": (f"{DAY}/a.parquet", as_parquet(rows)),
    }
    name, body = bodies[form]
    store.write("raw", f"{source}/dt={name}", body, "")


def parsed(store: Memory) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    """Rows of each raw file: as they are written, and as values by column."""
    found = {}
    for (bucket, key), stored in store.held.items():
        if bucket != "raw":
            continue
        body = gzip.decompress(stored) if key.endswith(".gz") else stored
        if key.endswith(".parquet"):
            rows = [(repr(row), row) for row in pq.read_table(io.BytesIO(body)).to_pylist()]
        elif ".json" in key:
            rows = [(line, json.loads(line)) for line in body.decode().splitlines()]
        else:
            lines = body.decode().split("\n")[:-1]
            rows = list(zip(lines[1:], csv.DictReader(io.StringIO(body.decode(), newline="")), strict=True))
            rows.insert(0, (lines[0], {}))
        found[key] = rows
    return found


# --- the search that knows nothing of the product ---


def readings(text: str) -> Iterator[str]:
    """A text, and the texts that it may be an encoding of."""
    seen = {text}
    for _ in range(3):
        seen |= {urllib.parse.unquote(one) for one in seen} | {html.unescape(one) for one in seen}
        seen |= {re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), one) for one in seen}
    for one in list(seen):
        for token in re.findall(r"[A-Za-z0-9+/_-]{8,}", one):
            for start in range(4):
                part = token[start:].replace("-", "+").replace("_", "/")
                part = part[:-1] if len(part) % 4 == 1 else part
                seen.add(base64.b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "ignore"))
    yield from (unicodedata.normalize("NFKC", one).casefold() for one in seen)


def finds(text: str, email: str, phone: str) -> bool:
    digits = re.sub(r"\D", "", phone)[-10:]
    return any(email.casefold() in one or digits in re.sub(r"\D", "", one) for one in readings(text))


# --- worlds ---


def spelled(email: str, phone: str) -> list[str]:
    digits, document = re.sub(r"\D", "", phone), json.dumps({"mail": email}, ensure_ascii=False)
    return [
        f"/me?mail={urllib.parse.quote(email)}",
        f"/me?mail={urllib.parse.quote(urllib.parse.quote(email, safe=''), safe='')}",
        f"/me?mail={email.upper()}&x=1",
        f"/t/{base64.urlsafe_b64encode(email.encode()).decode()}",
        f"/t/{base64.b64encode(document.encode()).decode()}",
        f"/call?n={digits[-10:]}",
        f"/call?n=0{digits[-10:-5]}-{digits[-5:]}",
        f"/call?n=%2B{digits}",
        f"/call?n=+{digits[:2]} ({digits[2:7]}) {digits[7:]}",
        f"/call?n={''.join(chr(0xFF10 + int(digit)) for digit in digits[-10:])}",
        "/call?n=" + "".join(f"%{byte:02X}" for byte in digits.encode()),
        f"/me?mail={email.replace('@', '&#64;')}",
    ]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, Memory, int]:
    """Whom to erase, the lake, and how many rows of anonymous visitors give their values."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=2, max_size=6, unique=True))
    people = dict(zip(keys, draw(st.permutations(PEOPLE)), strict=False))
    store, target, anonymous = Memory(), keys[0], 0
    # A short key also occurs with another meaning: as a town, an amount, a quantity, an id, in a URL.
    chance = target if len(target) < 12 else "1"
    forms = st.sampled_from(("csv", "quoted", "json", "json.gz", "parquet"))
    any_key, ids = st.sampled_from((*keys, "")), st.sampled_from((*KEYS[:-1], "O1", "O2"))

    def some(*values: str) -> str:
        return draw(st.sampled_from((chance, *values)))

    def rows(least: int, names: tuple[str, ...], make: Any) -> list[dict[str, Any]]:
        return [dict(zip(names, make(), strict=True)) for _ in range(draw(st.integers(least, 6)))]

    customers = [
        dict(
            zip(
                CUSTOMERS,
                (key, given, family, email, phone, address, some("Pune"), f"{DAY} 10:00:00"),
                strict=True,
            )
        )
        for key, (email, phone, given, family, address) in people.items()
    ]
    land(store, draw(forms), "customers", CUSTOMERS, customers)

    def order() -> tuple[str, ...]:
        return draw(ids), draw(any_key), f"{DAY} 12:00:00", some("411001"), some("12.50"), "placed"

    def item() -> tuple[str, ...]:
        return draw(ids), draw(ids), draw(ids), some("2"), some("10.00"), "20.00"

    land(store, draw(forms), "orders", ORDERS, rows(1, ORDERS, order))
    land(store, draw(forms), "order_items", ITEMS, rows(1, ITEMS, item))

    def event() -> tuple[str, ...]:
        nonlocal anonymous
        key = draw(any_key)
        about = key or draw(st.sampled_from((target, "")))
        url = draw(st.sampled_from(spelled(*people[about][:2]))) if about else f"/p/{draw(ids)}?q={chance}"
        anonymous += not key and about == target
        return draw(ids), key, "view", f"{DAY} 12:00:00", url, some("Mozilla")

    land(store, draw(forms), "web_events", EVENTS, rows(1, EVENTS, event))
    return target, store, anonymous


def is_mine(row: dict[str, Any], key: str, email: str, phone: str) -> bool:
    owner = row.get("customer_id")
    return owner == key or (not owner and any(finds(str(row.get(name) or ""), email, phone) for name in FREE))


def money(rows: list[tuple[Any, dict[str, Any]]]) -> Decimal:
    names = ("total_amount", "quantity", "unit_price", "line_total")
    return sum(
        (
            Decimal(row[name])
            for (_, row), name in itertools.product(rows, names)
            if re.fullmatch(r"-?[\d.]+", str(row.get(name)))
        ),
        Decimal(),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds())
def test_the_rows_that_change_are_exactly_the_persons(contracts: Any, world: tuple[str, Memory, int]) -> None:
    key, store, anonymous = world
    before = parsed(store)
    (me,) = (row for rows in before.values() for _, row in rows if "email" in row and row["customer_id"] == key)
    email, phone = me["email"], me["phone"]
    request = {"region": ""}

    searched = run(store, contracts, key, "search", **request)
    assert parsed(store) == before, "a search changes nothing"
    run(store, contracts, key, "erase")

    after = parsed(store)
    assert after.keys() == before.keys()
    changed = strangers = 0
    for name, rows in before.items():
        left = after[name]
        assert len(left) == len(rows), name
        assert money(left) == money(rows), name
        for (was, old), (is_now, new) in zip(rows, left, strict=True):
            assert (was != is_now) == is_mine(old, key, email, phone), (was, is_now)
            if was == is_now:
                continue
            changed += 1
            strangers += not old["customer_id"]
            kept = old.keys() - PERSONAL - FREE - {"customer_id"}
            assert {column: new[column] for column in kept} == {column: old[column] for column in kept}
            assert new["customer_id"] == (PSEUDONYM if old["customer_id"] == key else old["customer_id"])
            if old["customer_id"] == key:
                assert not [column for column in PERSONAL & new.keys() if new[column]]
        assert not any(finds(is_now, email, phone) for is_now, _ in left), name
    assert changed == searched["rows"]
    assert strangers == anonymous
    proof = run(store, contracts, key, "verify")
    assert (proof["found"], proof["open"]) == ([], 0)


@settings(max_examples=50, deadline=None)
@given(key=st.sampled_from(KEYS), name=st.sampled_from(("a.csv", "a.parquet", "a.json.gz", "notes.txt")))
@example(key="1", name="a.csv.gz")
def test_one_unreadable_file_stops_nobody(contracts: Any, key: str, name: str) -> None:
    store = Memory()
    row = dict(zip(CUSTOMERS, (key, *PEOPLE[0][2:4], *PEOPLE[0][:2], PEOPLE[0][4], "Pune", DAY), strict=True))
    store.write("raw", f"customers/dt={DAY}/good.csv", as_csv(CUSTOMERS, [row]), "")
    broken = b"\xff\xfec\0u\0" if name == "a.csv" else b"\x1f\x8b\x08broken"
    store.write("raw", f"customers/dt={DAY}/{name}", broken, "")

    found = run(store, contracts, key, "search")
    questions = {question["kind"]: question["id"] for question in found["questions"]}
    assert questions.keys() == (set() if name == "notes.txt" else {"unreadable"})
    assert found["open"] == len(questions)

    store.held.pop(("processed", REQUEST))
    answers = dict.fromkeys(questions.values(), "keep")
    run(store, contracts, key, "erase", answers=answers)
    proof = run(store, contracts, key, "verify")
    assert (proof["found"], proof["open"]) == ([], 0)
    assert store.held["raw", f"customers/dt={DAY}/{name}"] == broken

    store.held.pop(("processed", REQUEST))
    run(store, contracts, key, "erase", answers=dict.fromkeys(questions, "delete"))
    assert (("raw", f"customers/dt={DAY}/{name}") in store.held) == (name == "notes.txt")


@pytest.mark.parametrize("codec", ["SNAPPY", "LZ4", "ZSTD", "GZIP", "UNCOMPRESSED"])
def test_a_parquet_file_keeps_types_row_groups_and_compression(contracts: Any, codec: str) -> None:
    """A key of numbers becomes text, for the pseudonym; each row of another customer reads as before."""
    table = pa.table(
        {
            "Customer_ID": pa.array([1, 2, 10, 1], pa.int64()),
            "first_name": pa.array(["A", "B", "C", "A"]).dictionary_encode(),
            "date_of_birth": pa.array([date(1990, 1, 1)] * 4),
            "city": ["1", "Pune", "1", None],
            "note": [
                {"mail": "z@x.example", "n": 1},
                None,
                {"mail": "r@x.example", "n": 1},
                {"mail": "", "n": 2},
            ],
            "amount": pa.array([Decimal("1.50")] * 4, pa.decimal128(18, 4)),
        }
    )
    sink, store, key = io.BytesIO(), Memory(), f"customers/dt={DAY}/a.parquet"
    pq.write_table(
        table, sink, row_group_size=3, compression="none" if codec == "UNCOMPRESSED" else codec.lower()
    )
    store.write("raw", key, sink.getvalue(), "")

    run(store, contracts, "1", "erase", values={"email": ["z@x.example"]})

    left = pq.ParquetFile(io.BytesIO(store.held["raw", key]))
    groups = [left.metadata.row_group(place) for place in range(left.num_row_groups)]
    assert [group.num_rows for group in groups] == [3, 1]
    assert {group.column(place).compression for group in groups for place in range(group.num_columns)} == {
        codec
    }
    kept = left.schema_arrow.remove(0)
    assert kept == table.schema.remove(0)
    was, is_now = table.to_pylist(), left.read().to_pylist()
    mine = {"first_name": None, "date_of_birth": None, "Customer_ID": PSEUDONYM}
    assert is_now == [
        {**was[0], **mine, "note": {"mail": "x@x.xxxxxxx", "n": 1}},
        {**was[1], "Customer_ID": "2"},
        {**was[2], "Customer_ID": "10"},
        {**was[3], **mine},
    ]
