"""Reports, indexes and records that somebody wrote to harm: each is shown as unreadable, no page and no gate fails.

Every row of the tables is put into the bucket as the day's report; the pages that list it must answer, name the day
and say why it cannot be read, and the gate must stay closed with the same words.
"""

from __future__ import annotations

import copy
import gzip
import html
import json
import re
from html.parser import HTMLParser

import pytest
from airflow.sdk.exceptions import AirflowException
from contexts import context_of, execute, in_dag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_site import DAY, KEY, Site

from ecommerce_dwh.lake.s3 import MIB, REPORT_BYTES, TooLarge, gunzip
from ecommerce_dwh.quality.page.index import IndexUnusable, Month
from ecommerce_dwh.quality.report import ReportNotReady, judge, read_report
from tests.quality_reports import report

GOOD = report(DAY, poisoned=True)
MARK = "PLACE-OF-THE-VALUE"
PLACES = {  # every kind of field, by the way to one
    "version": ("schema_version",),
    "run": ("run_id",),
    "status": ("status",),
    "start": ("start_date",),
    "end": ("end_date",),
    "generated": ("generated_at",),
    "tables": ("tables",),
    "table": ("tables", 0),
    "source": ("tables", 0, "source"),
    "rows": ("tables", 0, "rows"),
    "rules": ("tables", 0, "rules"),
    "rule": ("tables", 0, "rules", 0, "rule"),
    "passed": ("tables", 0, "rules", 0, "passed"),
    "severity": ("tables", 0, "rules", 0, "severity"),
    "checked": ("tables", 0, "rules", 0, "rows_checked"),
    "failed": ("tables", 0, "rules", 0, "rows_failed"),
    "ratio": ("tables", 0, "rules", 0, "failed_ratio"),
    "threshold": ("tables", 0, "rules", 0, "threshold"),
    "judged": ("tables", 0, "rules", 0, "judged"),
    "message": ("tables", 2, "rules", 1, "message"),
    "samples": ("tables", 2, "rules", 0, "samples"),
    "sample": ("tables", 2, "rules", 0, "samples", 0),
    "history": ("tables", 0, "rules", 8, "history"),
    "measured": ("tables", 0, "rules", 8, "history", "value"),
    "day": ("tables", 0, "rules", 8, "history", "day"),
    "ledger": ("ledger",),
    "line": ("ledger", 0),
    "raw": ("ledger", 0, "raw_rows"),
    "delivery": ("ledger", 0, "delivery_date"),
    "quarantine": ("quarantine",),
    "reason": ("quarantine", 0, "rule"),
    "rejected": ("quarantine", 0, "rows"),
    "file": ("quarantine", 0, "samples", 0, "source_file"),
    "number": ("quarantine", 0, "samples", 0, "source_line"),
    "words": ("quarantine", 0, "samples", 0, "message"),
    "drift": ("drift",),
    "column": ("drift", 0, "column"),
    "unloaded": ("not_loaded",),
    "object": ("not_loaded", 0, "key"),
    "why": ("not_loaded", 0, "reason"),
    "bytes": ("not_loaded", 0, "size"),
    "all unloaded": ("not_loaded_count",),
}


def set_at(found, place: str, value: object) -> None:
    """Put a value at a place of a report."""
    *steps, last = PLACES[place]
    for step in steps:
        found = found[step]
    found[last] = value


def report_with(place: str, token: str) -> bytes:
    """A report with a piece of JSON text, sound or not, at a place."""
    found = copy.deepcopy(GOOD)
    set_at(found, place, MARK)
    return json.dumps(found).replace(f'"{MARK}"', token).encode("utf-8", "surrogatepass")


DEEP = "[" * 100_000
NESTED = '{"a":' * 200 + "1" + "}" * 200
BAD = [
    ("rows", "1e999", "tables.0.rows is inf"),
    ("threshold", "1e999", "threshold is inf: Input should be a finite number"),
    ("measured", "1e999", "history.value is inf"),
    ("measured", "-1e400", "history.value is -inf"),
    ("measured", "1e300", "less than or equal to"),
    ("ratio", "1.5", "failed_ratio is 1.5"),
    ("ratio", "-0.1", "failed_ratio is -0.1"),
    ("rows", "NaN", "NaN is no JSON number"),
    ("measured", "Infinity", "Infinity is no JSON number"),
    ("rows", "9" * 400, "rows is a value of type int"),
    ("rows", "9" * 5000, "4300 digits"),
    ("rows", "-1", "rows is -1"),
    ("rows", "1.5", "rows is 1.5"),
    ("rows", "true", "rows is True"),
    ("rows", '"12"', "tables.0.rows: Input should be a valid integer"),
    ("rows", "null", "rows is None"),
    ("rows", DEEP, "nested too deep"),
    ("message", NESTED, "message is a value of type dict"),
    ("version", "[" * 300 + "]" * 300, "schema version a value of type list"),
    ("version", "1.0", "schema version 1.0"),
    ("version", "true", "schema version True"),
    ("version", '"1"', "schema version '1'"),
    ("run", "7", "run_id is 7"),
    ("run", '"../../secret"', "run_id: "),
    ("run", '"' + "r" * 300 + '"', "run_id: "),
    ("run", '"run\\nid"', "run_id: "),
    ("status", '"great"', "status is 'great'"),
    ("status", "null", "status is None"),
    ("start", "20260310", "start_date is 20260310"),
    ("end", "20260310", "end_date is 20260310"),
    ("end", '"2026-03-11"', "not of 2026-03-10"),
    ("start", '"0001-01-01"', "start_date is '0001-01-01'"),
    ("start", '"9999-12-31"', "start_date is '9999-12-31'"),
    ("start", '"2026-02-30"', "start_date is '2026-02-30'"),
    ("start", '"2026-03-11"', "begins on 2026-03-11"),
    ("start", '"２０２６-03-10"', "start_date is"),
    ("start", '"20260310T0"', "start_date is '20260310T0'"),
    ("delivery", '"0001-01-01"', "delivery_date is '0001-01-01'"),
    ("day", "12", "history.day is 12"),
    ("source", '"\\ud83d"', "unable to parse raw data as a unicode string"),
    ("source", '"a\\u0000b"', "source: String should match pattern"),
    ("source", '""', "source: String should match pattern"),
    ("source", f'"{"s" * 300}"', "source: String should match pattern"),
    ("source", '"products"', "it has the table 'products' 2 times"),
    ("rule", '"unique_01"', "it has the rule of customers 'unique_01' 2 times"),
    ("rule", "null", "rule is None"),
    ("passed", '"yes"', "passed: Input should be a valid boolean"),
    ("passed", "1", "passed is 1: Input should be a valid boolean"),
    ("judged", "null", "judged is None"),
    ("severity", "{}", "severity is a value of type dict"),
    ("failed", "999999999", "more rows failed than were checked"),
    ("tables", "{}", "tables is a value of type dict"),
    ("tables", "[]", "tables is a value of type list"),
    ("table", "3", "tables.0 is 3"),
    ("rules", '"none"', "rules: Input should be a valid list"),
    ("samples", '"abc"', "samples: Input should be a valid list"),
    ("samples", json.dumps(["x"] * 21), "samples is a value of type list: List should have at most 20"),
    ("samples", "[1]", "samples.0 is 1"),
    ("history", "[]", "history is a value of type list"),
    ("ledger", "null", "ledger is None"),
    ("line", '"x"', "ledger.0: Input should be"),
    ("raw", "1e3", "raw_rows is 1000.0"),
    ("quarantine", "7", "quarantine is 7"),
    ("reason", "[]", "quarantine.0.rule is a value of type list"),
    ("number", '"x"', "source_line: Input should be a valid integer"),
    ("file", "{}", "source_file is a value of type dict"),
    ("drift", '{"a":1,"a":2}', "the key 'a' occurs twice"),
    ("status", '"passed", "status": "failed"', "the key 'status' occurs twice"),
]
WHOLE = [
    (b"", "not complete JSON"),
    (b"null", "not a JSON object"),
    (b"[]", "not a JSON object"),
    (b'"text"', "not a JSON object"),
    (b"{}", "schema version None"),
    (b"\xff\xfe{\x00}\x00", "not complete JSON"),
    (b"\xef\xbb\xbf{}", "not complete JSON"),
    (b"\x1f\x8b\x08\x00nonsense", "not complete JSON"),
    (json.dumps(GOOD).encode()[:-3], "not complete JSON"),
    (json.dumps(GOOD).encode() + b"x", "not complete JSON"),
    (json.dumps(GOOD).encode("utf-16"), "not complete JSON"),
    (json.dumps(GOOD)[:-1].encode() + b', "note": "\xed\xa0\x80"}', "not complete JSON"),
    (b'{"schema_version": 1, "a": ' + b"[" * 2_000_000, "nested too deep"),
    (b" " * (REPORT_BYTES + 1), "too large"),
    (b'{"schema_version": 1, "x": "' + b"w" * REPORT_BYTES + b'"}', "too large"),
]
CASES = [(report_with(place, token), words) for place, token, words in BAD] + WHOLE
NAMES = [f"{place}={token[:20]}" for place, token, _ in BAD] + [f"whole {n}" for n in range(len(WHOLE))]


@pytest.mark.parametrize(("body", "words"), CASES, ids=NAMES)
def test_a_bad_report_is_shown_with_its_reason_and_keeps_the_gate_closed(site, body, words):
    site.put(KEY, body)
    with pytest.raises(ReportNotReady) as refusal:
        read_report(body, None, DAY)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 500

    day = site.client.get(f"/day/{DAY}")
    assert day.status_code == 404
    assert "The report cannot be read" in day.text
    assert words in html.unescape(day.text)
    for path in ("/", "/ledger?months=3", "/rule/orders/filled_00", f"/?to={DAY[:7]}&months=36"):
        answer = site.client.get(path)
        assert answer.status_code == 200, path
        assert words in html.unescape(answer.text), path
        assert f'/day/{DAY}"' in answer.text, path


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (report_with("rows", "1e999"), "rows is inf"),
        (report_with("source", '"\\ud800"'), "unicode"),
        (report_with("rows", DEEP), "nested too deep"),
        (b" " * (REPORT_BYTES + 1), "too large"),
    ],
    ids=["infinite", "surrogate", "deep", "large"],
)
def test_the_gate_says_why_a_report_of_its_run_cannot_be_read(aws, body, words):
    from ecommerce_dwh.quality.gate import DataQualitySensor

    key = f"quality/dt={DAY}/{GOOD['run_id']}/report.json"
    aws.put("ecommerce-dwh-dev-processed", key, body=body)
    task = in_dag(
        DataQualitySensor,
        task_id="gate",
        key=key,
        run_id=GOOD["run_id"],
        poke_interval=0.1,
        timeout=0.3,
        defer_after=-1,
    )

    with pytest.raises(AirflowException, match="the quality gate stays closed") as closed:
        execute(task, context_of(task))
    assert words in str(closed.value)


WORDS_OF_ANY_LENGTH = [
    "a" * 32_768,
    "@" * 40_000,
    "1 " * 20_000,
    "+" * 40_000,
    "a@" * 20_000,
    "'" * 40_000,
    "x" * 7 * MIB,
]


@pytest.mark.parametrize(
    "word", WORDS_OF_ANY_LENGTH, ids=[f"{word[:4]} x {len(word)}" for word in WORDS_OF_ANY_LENGTH]
)
@pytest.mark.parametrize("place", ["message", "sample", "file", "words", "column"])
def test_a_word_of_any_length_is_cut_before_anything_looks_at_it(site, place, word):
    site.put(KEY, report_with(place, json.dumps(word)))

    day = site.client.get(f"/day/{DAY}")

    assert day.status_code == 200
    assert len(day.text) < 200_000


HARMLESS = [
    ("measured", "5e-324"),
    ("measured", "-0.0"),
    ("measured", "1e18"),
    ("measured", "null"),
    ("rows", str(2**53 - 1)),
    ("rows", "0"),
    ("ratio", "5e-324"),
    ("threshold", "1"),
    ("threshold", "0"),
    ("severity", '"catastrophe"'),
    ("message", '"\\ud800"'),
    ("sample", '"\\udfff x"'),
    ("message", '"\\ud83d\\ude00 \\u0000 \\u202e\\r\\n"'),
    ("message", '"{{ 7*7 }} {% x %} ${7*7}"'),
    ("start", '"1970-01-01"'),
    ("generated", '"yesterday"'),
    ("words", "null"),
    ("number", "-1"),
    ("quarantine", "[]"),
    ("ledger", "[]"),
    ("samples", "[]"),
    ("drift", "[]"),
    ("unloaded", "[]"),
    ("all unloaded", "0"),
    ("all unloaded", str(2**53 - 1)),
    ("object", '"orders/../../etc/\\u0000\\u202e\\ud800.csv"'),
    ("object", '"javascript:alert(1)"'),
    ("why", '"{{ 7*7 }}"'),
    ("bytes", str(2**53 - 1)),
    ("column", '"../../etc/passwd"'),
    ("source", '"a/../b?c#d%2f"'),
    ("rule", '"javascript:alert(1)"'),
    ("reason", '"unparseable:email"'),
]


@pytest.mark.parametrize(
    ("place", "token"), HARMLESS, ids=[f"{place}={token[:20]}" for place, token in HARMLESS]
)
def test_what_is_odd_and_allowed_is_shown(site, place, token):
    site.put(KEY, report_with(place, token))

    for path in (
        f"/day/{DAY}",
        "/?show=all&months=36",
        "/ledger",
        "/rule/customers/rows_as_usual",
        "/rule/orders/filled_00",
    ):
        answer = site.client.get(path)
        assert answer.status_code == 200, path
        assert "cannot be read:" not in answer.text, path


class _Tags(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "{{ config }}",
    "</title><script>1</script>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "<iframe src=//evil.example>",
    "]]><script>",
    "<!--",
    "<b>",
]
SHOWN = ("message", "sample", "file", "words", "column", "reason", "severity", "generated", "source", "rule")


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_text_of_a_report_becomes_markup(site, script):
    body = copy.deepcopy(GOOD)
    for place in SHOWN:
        set_at(body, place, script)
    site.put(KEY, json.dumps(body).encode())

    for path in (f"/day/{DAY}", "/?show=all", "/ledger"):
        answer = site.client.get(path)
        assert answer.status_code == 200
        assert script in html.unescape(answer.text) or path == "/ledger"
        tags = _Tags()
        tags.feed(answer.text)
        names = {tag for tag, _ in tags.found}
        assert not names & {"img", "iframe", "b", "object", "embed", "base"}, path
        (own,) = [attributes["src"] for tag, attributes in tags.found if tag == "script"]
        assert own.startswith("/static/app.js?")
        for _, attributes in tags.found:
            assert not any(name.startswith("on") or name == "style" for name in attributes), path
            for name in ("href", "src", "action"):
                target = attributes.get(name) or ""
                assert not re.match(r"\s*(javascript|data|vbscript):|//", target, re.IGNORECASE), target


ODD = [
    "1e999",
    "-1e999",
    "1e308",
    "5e-324",
    "NaN",
    "-0",
    "1" * 40,
    "9" * 4300,
    "null",
    "true",
    "[]",
    "{}",
    "20260310",
    '"\\ud800"',
    '"\\u0000"',
    '"0001-01-01"',
    '"9999-12-31"',
    '{"a":1,"a":2}',
    "[[[[]]]]",
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
).map(json.dumps)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(PLACES)), st.sampled_from(ODD) | ANY_JSON)
def test_anything_anywhere_in_a_report_is_read_or_refused_in_words(site, place, token):
    body = report_with(place, token)
    try:
        found = read_report(body, None, DAY)
    except ReportNotReady as why:
        found = None
        assert str(why)
    if found is not None:
        verdict = judge(found)
        verdict.text().encode()
    site.put(KEY, body)

    for path in (f"/day/{DAY}", "/?show=all", "/ledger", "/rule/customers/rows_as_usual"):
        answer = site.client.get(path)
        assert answer.status_code in (200, 404), path
        answer.text.encode()


# --- index objects and records beside the reports ---

INDEX = f"quality/index/v1/{DAY[:7]}.json.gz"


def _index() -> dict:
    month = Month(DAY[:7])
    month.apply(DAY, "etag", json.dumps(GOOD).encode())
    return json.loads(gzip.decompress(month.dump()))


def _changed(change) -> bytes:
    content = _index()
    change(content)
    return gzip.compress(json.dumps(content).encode())


INDEXES = {
    "no gzip": b"PK\x03\x04",
    "cut off": gzip.compress(json.dumps(_index()).encode())[:-9],
    "two members": gzip.compress(json.dumps(_index()).encode()) * 2,
    "bomb": gzip.compress(b" " * (80 * MIB)),
    "deep": gzip.compress(b"[" * 1_000_000),
    "large": b"x" * (5 * MIB),
    "infinite": gzip.compress(json.dumps(_index()).replace("0.001", "1e999", 1).encode()),
    "key twice": gzip.compress(
        json.dumps(_index()).replace('"version"', '"version": 1, "version"', 1).encode()
    ),
    "another month": _changed(lambda content: content.update(month="2026-02")),
    "month 13": _changed(lambda content: content.update(month="2026-13")),
    "a day of another month": _changed(
        lambda content: content["days"].update({"2026-04-01": content["days"][DAY]})
    ),
    "a day that is none": _changed(
        lambda content: content["days"].update({"2026-03-32": content["days"][DAY]})
    ),
    "year 0001": _changed(lambda content: content["days"][DAY].update(start="0001-01-01")),
    "start after end": _changed(lambda content: content["days"][DAY].update(start="2026-03-11")),
    "status": _changed(lambda content: content["days"][DAY].update(status="great")),
    "three figures": _changed(lambda content: content["days"][DAY]["tables"].update(orders=[1, 2, 3])),
    "text for a figure": _changed(lambda content: content["days"][DAY]["tables"].update(orders=[1, 2, 3, "4"])),
    "negative": _changed(lambda content: content["days"][DAY]["tables"].update(orders=[1, 2, 3, -4])),
    "unknown field": _changed(lambda content: content["days"][DAY].update(extra=1)),
    "rule of six": _changed(lambda content: content["rules"].append(["a", "b", "c", "d", "e", 0])),
    "a place missing": _changed(lambda content: content["rules"][0][6].pop()),
    "a verdict unknown": _changed(lambda content: content["rules"][0].__setitem__(8, "x" * 31)),
    "measured on day 40": _changed(lambda content: content["rules"][0].__setitem__(9, {"40": [1, 2, 3]})),
    "measured nothing": _changed(lambda content: content["rules"][0].__setitem__(9, {"1": ["a", 2, 3]})),
    "threshold 7": _changed(lambda content: content["rules"][0].__setitem__(5, 7)),
    "rules are text": _changed(lambda content: content.update(rules="all")),
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_bad_index_is_built_anew(name):
    if name != "large":
        with pytest.raises(IndexUnusable):
            Month.load(DAY[:7], INDEXES[name])
    site = Site()
    site.put(KEY, json.dumps(GOOD).encode())
    site.put(INDEX, INDEXES[name])

    answer = site.client.get("/")

    assert answer.status_code == 200
    assert f"{DAY}: failed, the gate is closed" in answer.text


def test_an_index_is_never_inflated_beyond_its_limit():
    with pytest.raises(TooLarge):
        gunzip(gzip.compress(b"\0" * (10 * MIB)), MIB)
    assert gunzip(gzip.compress(b"\0" * MIB), MIB) == b"\0" * MIB


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b'"text"',
        b"{}",
        b'{"reason": 7}',
        b'{"reason": null}',
        b"[" * 200_000,
        b'{"reason": "a", "reason": "b"}',
        b'{"reason": "x", "by": []}',
        b"x" * (2 * MIB),
        b'{"reason": NaN}',
    ],
)
def test_a_bad_record_of_an_opened_gate_is_named(site, record):
    site.put(KEY, json.dumps(GOOD).encode())
    site.put(f"quality/dt={DAY}/{GOOD['run_id']}/gate_override.json", record)

    answer = site.client.get(f"/day/{DAY}")

    assert answer.status_code == 200
    assert "the record cannot be read" in answer.text
    del site.s3.objects[f"quality/dt={DAY}/{GOOD['run_id']}/gate_override.json"]


@pytest.mark.parametrize(
    "folder",
    [
        "0000-00-00",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "2026-02-30",
        "20260310",
        "２０２６-03-10",
        "latest",
        "..",
        "",
    ],
)
def test_a_folder_that_is_no_day_is_left_alone(site, folder):
    site.put(f"quality/dt={folder}/report.json", json.dumps(GOOD).encode())

    assert site.client.get("/").status_code == 200
    assert site.client.get("/?months=36&to=2026-03").status_code == 200


def test_a_page_of_the_job_that_is_too_large_is_refused_in_words(site):
    site.put(f"quality/dt={DAY}/report.html", b"x" * (REPORT_BYTES + 1))
    answer = site.client.get(f"/report/{DAY}")

    assert answer.status_code == 404
    assert "cannot be read: it has" in answer.text
