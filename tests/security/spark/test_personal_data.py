"""Texts that the jobs write about rows hold nothing personal, in whichever column a value is; URLs lose people."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lake_for_tests import Lake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ecommerce_dwh.privacy.masking import PRIVACY_MARK, PRIVACY_VERSION, has_personal, shown_value
from ecommerce_dwh_glue.rows.messages import shown_sql
from ecommerce_dwh_glue.rows.urls import stripped_url_sql
from local.packaging import build_library

DAY = "2026-01-05"
PARAMETERS = ("page", "sort", "utm_*")


def evaluated(spark: SparkSession, sql: str, texts: list[str]) -> list[str]:
    rows = [(number, text) for number, text in enumerate(texts)]
    frame = spark.createDataFrame(rows, "n int, t string").select("n", F.expr(sql).alias("r"))
    return [row["r"] for row in sorted(frame.collect(), key=lambda row: row["n"])]


# Characters on which Java 17 and Python 3.11 agree; Spark cannot hold lone surrogates.
_TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cn"], max_codepoint=0x51F)
    | st.sampled_from("AaZz09 .,-/@'\"\\\n\tÀßéİıǅ９٣अक्षत漢😀"),
    max_size=60,
)
# The message names the failing text of a list; shrinking the list would take many Spark jobs.
_BRIEF = settings(
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
_VALUES = [
    *(
        "Priya Sharma",
        "12 MG Road, Pune 411001",
        "9876543210",
        "12,5",
        "N/A",
        "-1200.0000",
        "1e999",
        "NULL\n",
        "-5",
    ),
    *("12345", "#REF!", "x", "a\x00b", "ǅ", "½", "१२३", "a" * 41, "'quoted'", "\\", "$1", "12\n"),
]


@_BRIEF
@given(texts=st.lists(_TEXTS, min_size=40, max_size=200))
def test_sql_and_python_show_the_same_of_a_rejected_value(spark: SparkSession, texts: list[str]) -> None:
    ours = [text for text in [*_VALUES, *texts] if all(unicodedata.category(char) != "Cs" for char in text)]

    assert evaluated(spark, shown_sql("t"), ours) == [shown_value(text) for text in ours]


# --- a day with shifted columns ---

PEOPLE = (
    "Priya",
    "Sharma",
    "priya.sharma@example.com",
    "98765",
    "12 MG Road",
    "MG Road",
    "1990-02-03",
    "411001",
)


@pytest.fixture(scope="module")
def shifted(spark: SparkSession, contracts, tmp_path_factory) -> Lake:
    """Every file has a different way in which a person gets into another column, or into a name."""
    lake = Lake(spark, contracts, tmp_path_factory.mktemp("shifted"))
    person = "Priya,Sharma,priya.sharma@example.com,+91 98765 43210,1990-02-03,12 MG Road,411001"
    # One column too many in front, the last one lost.
    items = "order_item_id,order_id,product_id,quantity,unit_price,line_total\n"
    lake.put(
        "order_items",
        DAY,
        f"{items}o1,i1,p1,Priya Sharma,12 MG Road,411001\n{items[:0]}i2,o1,p1,1990-02-03,+91 98765 43210,1\n"
        "i3,o1,p1,9876543210,priya.sharma@example.com,1\ni4,o1,p1,1,2,2\n".encode(),
        "priya.sharma@example.com.csv",
    )
    lake.put("order_items", DAY, f"{items}i9,{person}\ni10,o1\n".encode(), "orders 98765 43210.csv")
    lake.put(
        "orders",
        DAY,
        b"order_id,order_date,order_status,total_amount,updated_at\n"
        b"Priya Sharma,2026-01-05,12 MG Road,10,2026-01-05\n"  # accepted: a name for a key, an address for a status
        b"priya.sharma@example.com,2026-01-05,Sharma,10,2026-01-05\n"
        b"9876543210,2026-01-05,Priya,10,2026-01-05\n"
        b"o1,2026-01-05,delivered,10,2026-01-05\n"
        b"o2,12 MG Road,delivered,Priya,2026-01-05\no3,1990-02-30,delivered,98765 43210,411001\n",
        "Priya Sharma.csv",
    )
    lake.put(
        "customers",
        DAY,
        b"customer_id,first_name,last_name,registration_date,updated_at,priya sharma,98765 43210\n"
        b"c1,Priya,Sharma,12 MG Road,2026-01-05,,\n"
        b"c2,Priya,Sharma,2026-01-04,priya.sharma@example.com,,\n",
        "PriyaSharma.csv",
    )
    lake.declare_empty(DAY, DAY)
    return lake


@pytest.fixture(scope="module")
def told(shifted: Lake, capfd_of_module) -> dict[str, str]:
    """Every text that the jobs write about that day, by place."""
    shifted.process(DAY)
    report = shifted.assess(DAY)
    texts = {
        path.relative_to(shifted.root).as_posix(): path.read_bytes().decode("utf-8", "replace")
        for path in (shifted.root / "processed").rglob("*")
        if path.suffix in (".json", ".html", ".manifest")
    }
    texts["check results"] = str(shifted.loaded("check_result").collect())
    texts["messages"] = str([row["message"] for row in shifted.quarantine()])
    texts["log"] = capfd_of_module()
    assert report["quarantine"]
    return texts


@pytest.fixture(scope="module")
def capfd_of_module(request: pytest.FixtureRequest):
    """The output of the module's tests, of Python and of Java."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    return lambda: "".join(capture.read_global_capture())


def test_nothing_that_the_jobs_tell_of_shifted_columns_is_personal(told: dict[str, str]) -> None:
    assert any(place.endswith("report.html") for place in told)
    assert any(place.endswith("processing.json") for place in told)
    found = [(place, person) for place, text in told.items() for person in PEOPLE if person in text]
    assert found == []


def test_the_messages_still_say_where_and_what(shifted: Lake, told: dict[str, str]) -> None:
    assert "quantity: a text of 12 characters (Aaaaa Aaaaaa) is not a whole number" in told["messages"]
    report = next(text for place, text in told.items() if place.endswith(f"{DAY}/report.json"))
    assert '"source_file": "order_items/dt=2026-01-05/•••.csv"' in report
    assert '"a text of 12 characters (Aaaaa Aaaaaa)"' in report  # the key of an order with an unknown status
    assert f'"privacy": {PRIVACY_VERSION}' in report
    page = next(text for place, text in told.items() if place.endswith(f"{DAY}/report.html"))
    assert PRIVACY_MARK in page


def test_the_quarantine_table_has_the_row_as_delivered(shifted: Lake, told: dict[str, str]) -> None:
    rows = shifted.quarantine()
    assert any("priya.sharma@example.com" in row["raw_text"] for row in rows)
    assert any(row["source_file"].endswith("priya.sharma@example.com.csv") for row in rows)
    assert len(rows) == 9


# --- URLs ---

KEPT = {
    "https://shop.example.com/": "https://shop.example.com/",
    "https://shop.example.com/product/P000123": "https://shop.example.com/product/P000123",
    "https://shop.example.com/p/8901234567890": "https://shop.example.com/p/8901234567890",
    "https://shop.example.com/c?page=2&sort=price": "https://shop.example.com/c?page=2&sort=price",
    "https://shop.example.com/?utm_source=mail&utm_campaign=new%20year": "https://shop.example.com/?utm_source=mail&utm_campaign=new%20year",
    "http://192.168.0.1:8080/a": "http://192.168.0.1:8080/a",
    "https://उदाहरण.भारत/दुकान": "https://उदाहरण.भारत/दुकान",
    "android-app://com.example.shop": "android-app://com.example.shop",
    "/relative/path": "/relative/path",
    "": "",
}
STRIPPED = {
    "https://shop.example.com/?email=priya@example.com": "https://shop.example.com/",
    "https://shop.example.com/?email=priya%40example.com&page=2": "https://shop.example.com/?page=2",
    "https://shop.example.com/?page=2&email=priya%40example.com;utm_source=x": "https://shop.example.com/?page=2;utm_source=x",
    "https://shop.example.com/search?q=Priya+Sharma": "https://shop.example.com/search",
    "https://shop.example.com/search&q=Priya+Sharma": "https://shop.example.com/search",
    "https://shop.example.com/a;jsessionid=1A2B?x=1#f": "https://shop.example.com/a",
    "https://shop.example.com/#priya@example.com": "https://shop.example.com/",
    "https://shop.example.com/a#?page=2": "https://shop.example.com/a",
    "https://priya:secret@shop.example.com/a": "https://shop.example.com/a",
    "https://priya@example.com:secret@shop.example.com/a": "https://shop.example.com/a",
    "//priya@shop.example.com/a": "//shop.example.com/a",
    "https://shop.example.com/unsubscribe/priya@example.com/now": "https://shop.example.com/unsubscribe/*/now",
    "https://shop.example.com/u/priya%40example.com": "https://shop.example.com/u/*",
    "https://shop.example.com/u/priya%2540example.com": "https://shop.example.com/u/*",
    "https://shop.example.com/u/priya＠example.com": "https://shop.example.com/u/*",
    "https://shop.example.com/u/priya%EF%BC%A0example.com": "https://shop.example.com/u/*",
    "https://shop.example.com/u/priya(at)example.com": "https://shop.example.com/u/*",
    "https://shop.example.com/u%3Femail%3Dpriya/x": "https://shop.example.com/*/x",
    "https://shop.example.com/email=priya/x": "https://shop.example.com/*/x",
    "https://shop.example.com/call/+919876543210": "https://shop.example.com/call/*",
    "https://shop.example.com/call/%2B91%2098765%2043210/": "https://shop.example.com/call/*/",
    "https://shop.example.com/call/9876543210": "https://shop.example.com/call/*",
    "https://shop.example.com/call/98765-43210": "https://shop.example.com/call/*",
    "https://shop.example.com/call/(098765) 43210": "https://shop.example.com/call/*",
    "https://shop.example.com/call/%39%38%37%36%35%34%33%32%31%30": "https://shop.example.com/call/*",
    "https://shop.example.com/call/९८७६५४३२१०": "https://shop.example.com/call/*",
    "https://shop.example.com/?utm_source=priya@example.com": "https://shop.example.com/",
    "https://shop.example.com/?utm_source=priya%40example.com&page=1": "https://shop.example.com/?page=1",
    "https://shop.example.com/?utm_content=9876543210&page=1": "https://shop.example.com/?page=1",
    "https://shop.example.com/?utm_content=%2B91-98765-43210": "https://shop.example.com/",
    "https://shop.example.com/?page=2?email=priya": "https://shop.example.com/?page=2",
    "https://shop.example.com/?PAGE=2&pages=3&xpage=4": "https://shop.example.com/",
    "https://shop.example.com/?page": "https://shop.example.com/",
    "https://shop.example.com/?&&&": "https://shop.example.com/",
    "mailto:priya@example.com": "*",
    "priya@example.com": "*",
    "?email=priya@example.com": "*",
    "?page=2": "?page=2",
    "@": "*",
    "\\\\priya@host\\x": "\\\\*\\x",
    "javascript:alert('priya@example.com')": "*",
    "https://[::1]/priya@example.com": "https://[::1]/*",
}


def test_urls_keep_their_place_and_lose_what_visitors_put_in(spark: SparkSession) -> None:
    cases = {**KEPT, **STRIPPED}
    found = evaluated(spark, stripped_url_sql("t", PARAMETERS, 2048), list(cases))

    assert dict(zip(cases, found, strict=True)) == cases


_PERSONAL = st.sampled_from(
    ["priya.sharma@example.com", "9876543210", "+919876543210", "98765 43210", "+91-98765-43210"]
)
_WRITTEN = st.sampled_from(
    [
        lambda text: text,
        lambda text: quote(text, safe=""),
        lambda text: quote(quote(text, safe=""), safe=""),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
        lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    ]
)
_PLACES = st.sampled_from(
    [
        "https://shop.in/{}",
        "https://shop.in/a/{}/b?page=1",
        "https://shop.in/?utm_source={}",
        "https://shop.in/?x={}&page=1",
        "https://shop.in/a;x={}",
        "https://shop.in/#{}",
        "https://shop.in/a?page={}",
        "/{}/",
        "https://{}:pw@shop.in/",
        "https://shop.in/a&x={}",
    ]
)


@_BRIEF
@given(
    urls=st.lists(
        st.builds(lambda place, write, person: place.format(write(person)), _PLACES, _WRITTEN, _PERSONAL),
        min_size=80,
        max_size=200,
    ),
    texts=st.lists(_TEXTS, min_size=20, max_size=100),
)
def test_no_spelling_or_place_saves_a_person_in_a_url(
    spark: SparkSession, urls: list[str], texts: list[str]
) -> None:
    sql = stripped_url_sql("t", PARAMETERS, 2048)
    found = evaluated(spark, sql, [*urls, *texts])

    assert [url for url, result in zip(urls, found, strict=False) if has_personal(result)] == []
    assert evaluated(spark, sql, found) == found
    for text, result in zip([*urls, *texts], found, strict=True):
        assert len(result.encode()) <= max(len(text.encode()), 1)
        assert bool(result) == bool(text)


def test_no_url_is_too_odd_for_the_matcher(spark: SparkSession) -> None:
    """Java's matcher recurses for repeated groups, and some patterns take quadratic time; neither may happen."""
    units = [
        "/",
        "@",
        "%40",
        "%",
        "?a=",
        "&utm_source=",
        "9",
        "9-",
        "%2B91",
        "(",
        "a@",
        "/a@",
        "%25",
        "１",
        ";",
        "#",
        "\\",
        "é",
    ]
    texts = [f"https://x/{unit * (2000 // len(unit.encode()))}"[:1024] for unit in units]
    texts += [unit * (1_000_000 // len(unit)) for unit in units]

    found = evaluated(spark, stripped_url_sql("t", PARAMETERS, 2048), texts)

    assert found[len(units) :] == texts[len(units) :]  # longer than the column: its row is quarantined
    assert all(found)


def test_loaded_events_have_no_person_in_their_urls_and_the_raw_file_has(lake: Lake) -> None:
    lake.put(
        "web_events",
        DAY,
        b"event_id,event_type,event_timestamp,page_url,referrer,customer_id\n"
        b"e1,page_view,2026-01-05T10:00:00,https://shop.in/u/priya@example.com?email=priya%40example.com&page=2,"
        b"https://mail.example.com/?to=priya@example.com,c1\n"
        b"e1,page_view,2026-01-05T10:00:00,https://shop.in/u/asha@example.com?page=2,https://mail.example.com/?x=1,c1\n",
    )
    lake.declare_empty(DAY, DAY)
    outcome = lake.process(DAY)

    rows = lake.loaded("web_events").collect()
    assert [(row["page_url"], row["referrer"]) for row in rows] == [
        ("https://shop.in/u/*?page=2", "https://mail.example.com/")
    ]
    # Two deliveries of one event that differ in what is stripped are one event.
    assert outcome.ledger["web_events", DAY].superseded_rows == 1


# --- what travels to Glue ---


def test_the_zip_alone_brings_what_deciding_takes(tmp_path: Path) -> None:
    """Glue's Python has neither library: no site-packages here, so that only the zip can bring them."""
    (tmp_path / "library.zip").write_bytes(build_library())
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'library.zip')!r})\n"
        "from ecommerce_dwh.privacy.masking import mask\n"
        "assert mask('call (022) 2345 6789') == 'call •••', mask('call (022) 2345 6789')\n"
        "assert mask('priya.s at example.com') == '•••', mask('priya.s at example.com')\n"
        "import email_validator, idna, phonenumbers\n"
        "assert all('library.zip' in module.__file__ for module in (email_validator, idna, phonenumbers))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
