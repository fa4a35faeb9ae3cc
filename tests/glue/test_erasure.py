"""One person out of the lake: not a byte of theirs is left, and nobody else's row changes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.csv_row import csv_row
from ecommerce_dwh_glue.erasure.job import Erasure
from ecommerce_dwh_glue.erasure.json_row import json_row
from ecommerce_dwh_glue.erasure.rows import Table
from ecommerce_dwh_glue.erasure.text import csv_records, lines_of
from ecommerce_dwh_glue.job import Options

DAY, NEXT = "2026-03-01", "2026-03-02"
HEADER = [
    "customer_id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "date_of_birth",
    "address",
    "city",
    "updated_at",
]
ME = {
    "customer_id": "C-0042",
    "first_name": "Zubeida",
    "last_name": 'Qu"aint',
    "email": "zubeida.q@post.example",
    "phone": "+91 98765 43210",
    "date_of_birth": "1987-06-05",
    "address": "7, Rose Lane\nFlat 2",
    "city": "Pune",
    "updated_at": f"{DAY} 10:00:00",
}
KINDS = {
    "given_name": "first_name",
    "family_name": "last_name",
    "email": "email",
    "phone": "phone",
    "birth_date": "date_of_birth",
    "address": "address",
}
MY_KINDS = {kind: [ME[column]] for kind, column in KINDS.items()}
MY_VALUES = [v for k, v in ME.items() if k not in ("city", "updated_at", "customer_id")]
PSEUDONYM = "erased-0123456789abcdef"


def customer(number, **columns):
    return {
        "customer_id": f"C-{number:04d}",
        "first_name": "Asha",
        "last_name": "Rao",
        "email": f"asha{number}@x.example",
        "phone": f"+91 11111 {number:05d}",
        "date_of_birth": "1990-01-01",
        "address": f"{number}, High Street",
        "city": "Delhi",
        "updated_at": f"{DAY} 09:00:00",
        **columns,
    }


def csv_bytes(rows, header=HEADER, newline="\n"):
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator=newline, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def records(body):
    return [record for record, *_ in csv_records(lines_of(io.BytesIO(body)))]


class Here:
    """Spark's context, in this process."""

    def parallelize(self, items, slices):
        self.items = items
        return self

    def map(self, work):
        self.outcomes = [work(item) for item in self.items]
        return self

    def collect(self):
        return self.outcomes


def run(lake, mode, values=None, shared=(), context=None, answers=None):
    options = Options("dev", "ap-south-1", "raw", "processed", "latest", "latest", "erasure-1")
    path = lake.root / "processed/erasures/erasure-1/request.json"
    if not path.exists():
        request = {
            "customer_id": ME["customer_id"],
            "pseudonym": PSEUDONYM,
            "values": values or {},
            "shared": [*shared],
            "answers": answers or {},
        }
        lake.storage.write("processed", "erasures/erasure-1/request.json", json.dumps(request).encode(), "")
    return Erasure(context or Here(), lake.storage, lake.contracts, options, mode).run()


def everything(root: Path) -> dict[str, bytes]:
    """Every object but the request, as plain bytes; Parquet as the text of its cells."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not path.is_file() or "erasures" in path.parts or path.suffix == ".crc":
            continue
        body = path.read_bytes()
        if path.suffix == ".parquet":
            body = repr(pq.read_table(path).to_pylist()).encode()
        elif path.suffix == ".gz":
            body = gzip.decompress(body)
        found[path.relative_to(root).as_posix()] = body
    return found


def traces(root: Path, values=(*MY_VALUES, ME["customer_id"])) -> list[tuple[str, str]]:
    left = []
    for name, body in everything(root).items():
        for value in values:
            spellings = {value, value.replace('"', '""'), json.dumps(value)[1:-1], repr(value)[1:-1]}
            # As a whole word: C-00421 is someone else.
            if any(re.search(re.escape(spelling.encode()) + rb"(?!\w)", body) for spelling in spellings):
                left.append((name, value))
    return left


def fill(lake):
    """Two days in every format, with the person in good, broken, multi-line and keyless rows."""
    others = [customer(n) for n in range(1, 6)]
    lake.put("customers", DAY, csv_bytes([*others[:2], ME, *others[2:]]), "a.csv.gz")
    too_long = {**ME, "first_name": "Zubeida" * 60}
    no_date = {**ME, "date_of_birth": "5th of June 1987", "updated_at": f"{DAY} 11:00:00"}
    lake.put("customers", DAY, csv_bytes([customer(8), too_long, no_date], newline="\r\n"), "b.csv")
    torn = b"Zubeida,zubeida.q@post.example,and nothing else\n" + b'9,"unclosed,Zubeida,+91 98765 43210\n'
    lake.put("customers", NEXT, csv_bytes([customer(9), {**ME, "email": "new.z@post.example"}]) + torn, "c.csv")
    lines = [json.dumps(row) for row in (customer(7), ME)] + [
        json.dumps({**ME, "city": 1.50}, ensure_ascii=False)
    ]
    lake.put("customers", NEXT, "\n".join(lines).encode() + b"\n", "d.json.gz")
    table = pa.Table.from_pylist([customer(6), ME])
    path = lake.root / f"raw/customers/dt={NEXT}/e.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    orders = [
        {
            "order_id": "O1",
            "customer_id": "C-0042",
            "order_date": f"{DAY} 12:00",
            "shipping_postal_code": "411001",
            "shipping_city": "Pune",
            "order_status": "placed",
        },
        {
            "order_id": "O2",
            "customer_id": "C-0001",
            "order_date": f"{DAY} 12:00",
            "shipping_postal_code": "411001",
            "shipping_city": "Pune",
            "order_status": "placed",
        },
        {
            "order_id": "O3",
            "customer_id": "C-0042",
            "order_date": "never",
            "shipping_postal_code": "411001",
            "shipping_city": "Pune",
            "order_status": "placed",
        },
    ]
    lake.put("orders", DAY, csv_bytes(orders, list(orders[0])))
    lake.put(
        "order_items",
        DAY,
        b"order_item_id,order_id,product_id,quantity,unit_price,line_total\n"
        b"I1,O1,P1,2,10.00,20.00\nI2,O2,P1,1,10.00,10.00\nI3,O1,P1,x,5.00,5.00\n",
    )
    events = [
        {
            "event_id": "E1",
            "customer_id": "C-0042",
            "session_id": "s1",
            "event_type": "view",
            "event_timestamp": f"{DAY} 12:00",
            "page_url": "/me?mail=zubeida.q@post.example",
            "user_agent": "my own",
        },
        {
            "event_id": "E2",
            "customer_id": "",
            "session_id": "s2",
            "event_type": "view",
            "event_timestamp": f"{DAY} 12:00",
            "page_url": "/reset?to=Zubeida.Q@post.example&c=C-0042",
            "user_agent": "x",
        },
        {
            "event_id": "E3",
            "customer_id": "C-00421",
            "session_id": "s2",
            "event_type": "view",
            "event_timestamp": f"{DAY} 12:00",
            "page_url": "/",
            "user_agent": "x",
        },
    ]
    lake.put("web_events", DAY, csv_bytes(events, list(events[0])))
    lake.declare_empty(DAY, NEXT)


def balance(lake, run_id):
    rows = lake.loaded("ledger", run_id).collect()
    return {
        (row.source, str(row.delivery_date)): (
            row.raw_rows,
            row.accepted_rows,
            row.superseded_rows,
            row.quarantined_rows,
            row.raw_amount,
            row.accepted_amount,
            row.quarantined_amount,
        )
        for row in rows
    }


def test_nothing_of_the_person_is_left_and_rows_and_money_are_what_they_were(lake):
    fill(lake)
    lake.process(DAY, NEXT, "before")
    lake.assess(DAY, NEXT, "before")
    before = balance(lake, "before")
    untouched = {name: body for name, body in everything(lake.root / "raw").items() if "order_items" in name}
    assert traces(lake.root), "the person is there to begin with"

    erased = run(lake, "erase")
    assert erased["days"] == [DAY, NEXT]
    assert traces(lake.root) == []
    lake.process(DAY, NEXT, "after")
    lake.assess(DAY, NEXT, "after")

    assert traces(lake.root) == []
    assert run(lake, "verify")["found"] == []
    assert balance(lake, "after") == before
    raw = everything(lake.root / "raw")
    assert {name: raw[name] for name in untouched} == untouched
    orders = {row.order_id: row.customer_id for row in lake.loaded("orders", "after").collect()}
    assert orders == {"O1": PSEUDONYM, "O2": "C-0001"}
    mine = [r for r in lake.loaded("customers", "after").collect() if r.customer_id == PSEUDONYM]
    assert mine
    assert {(r.first_name, r.email, r.address, r.city) for r in mine} <= {
        (None, None, None, "Pune"),
        (None, None, None, "1.5"),
    }


def test_other_rows_keep_every_byte(lake):
    fill(lake)
    before = everything(lake.root / "raw")

    run(lake, "erase")

    for name, body in everything(lake.root / "raw").items():
        if name.endswith(".parquet"):
            continue
        old, new = (records(text) for text in (before[name], body))
        assert len(old) == len(new), name
        for was, is_now in zip(old, new, strict=True):
            mine = b"C-0042" in was or b"zubeida" in was.lower() or b"98765 43210" in was
            assert was == is_now or mine, name
            assert was[-2:] == b"\r\n" or was[-1:] == is_now[-1:], "line ends"


def test_a_search_changes_nothing_and_names_what_would_change(lake):
    fill(lake)
    before = everything(lake.root)

    found = run(lake, "search")

    assert everything(lake.root) == before
    assert {item["key"]: item["rows"] for item in found["found"]} == {
        f"customers/dt={DAY}/a.csv.gz": 1,
        f"customers/dt={DAY}/b.csv": 2,
        f"customers/dt={NEXT}/c.csv": 3,
        f"customers/dt={NEXT}/d.json.gz": 2,
        f"customers/dt={NEXT}/e.parquet": 1,
        f"orders/dt={DAY}/part.csv": 2,
        f"web_events/dt={DAY}/part.csv": 2,
    }
    stored = (lake.root / "processed/erasures/erasure-1/search.json").read_text()
    assert not [value for value in (*MY_VALUES, "C-0042") if value in stored]


def test_it_can_be_killed_anywhere_and_run_again(lake):
    fill(lake)

    class Dying(Here):
        def map(self, work):
            if len(self.items) < 8:  # the pass that only learns
                return super().map(work)
            for item in self.items[:4]:
                work(item)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        run(lake, "erase", context=Dying(), values=MY_KINDS)
    run(lake, "erase")

    assert traces(lake.root) == []


def test_a_family_that_shares_a_telephone_keeps_its_own(lake):
    sister = customer(
        50, first_name="Zara", last_name=ME["last_name"], phone=ME["phone"], address=ME["address"]
    )
    lake.put("customers", DAY, csv_bytes([ME, sister]))
    lake.declare_empty(DAY, DAY)

    run(lake, "erase", values=MY_KINDS, shared=[ME["phone"], ME["address"], ME["last_name"]])

    body = (lake.root / f"raw/customers/dt={DAY}/part.csv").read_bytes()
    assert records(body)[2] == records(csv_bytes([sister]))[1]
    assert run(lake, "verify")["found"] == []


def test_a_spark_context_spreads_it(lake, spark):
    fill(lake)

    run(lake, "erase", context=spark.sparkContext)

    assert traces(lake.root) == []


ME_AS_PERSON = Person("C-0042", PSEUDONYM, {kind: frozenset(values) for kind, values in MY_KINDS.items()})
CUSTOMERS_FIELD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.lists(CUSTOMERS_FIELD, min_size=3, max_size=3), junk=st.binary(max_size=30))
def test_any_row_of_someone_else_is_left_alone_and_any_of_the_persons_is_cleared(contracts, fields, junk):
    table = Table.of("customers", contracts)
    header = ["customer_id", "first_name", "city"]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([f"D{fields[0].strip()}", *fields[1:]])
    other = text.getvalue().encode()
    assert csv_row(other, header, table, ME_AS_PERSON)[0] == other

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["C-0042", ME["first_name"], fields[2]])
    left, _ = csv_row(text.getvalue().encode(), header, table, ME_AS_PERSON)
    assert left.startswith(PSEUDONYM.encode() + b",,")
    was, is_now = (next(csv.reader(io.StringIO(row, newline=""))) for row in (text.getvalue(), left.decode()))
    assert is_now[2:] == was[2:]

    torn = junk.replace(b"\n", b"") + b' "zubeida.q@post.example C-0042'
    left, _ = csv_row(torn, header, table, ME_AS_PERSON)
    assert b"zubeida" not in left.lower()


def test_numbers_of_a_json_row_keep_their_spelling(contracts):
    line = b'{"customer_id": "C-0042", "n": 1.50, "EMAIL": "zubeida.q@post.example", "city": "P\\u00fcne"}'

    left, _ = json_row(line, Table.of("customers", contracts), ME_AS_PERSON)

    assert left == b'{"customer_id": "%s", "n": 1.50, "EMAIL": null, "city": "P\\u00fcne"}' % PSEUDONYM.encode()


def test_amounts_of_orders_in_parquet_stay_exact(lake):
    table = pa.table(
        {
            "order_id": ["O1", "O2"],
            "customer_id": ["C-0042", "C-1"],
            "order_date": [f"{DAY} 10:00", f"{DAY} 10:00"],
            "total_amount": pa.array([Decimal("12.3400"), Decimal("1.0000")], pa.decimal128(18, 4)),
        }
    )
    path = lake.root / f"raw/orders/dt={DAY}/o.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)

    run(lake, "erase")

    left = pq.read_table(path)
    assert left.schema == table.schema
    assert left["total_amount"] == table["total_amount"]
    assert left["customer_id"].to_pylist() == [PSEUDONYM, "C-1"]
