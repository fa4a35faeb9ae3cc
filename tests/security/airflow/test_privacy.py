"""What may be shown: every spelling of an address or number is hidden, every harmless text stays, in linear time."""

from __future__ import annotations

import base64
import html
import logging
import re
import sys
import traceback
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecommerce_dwh.alerts import callbacks as alerts
from ecommerce_dwh.privacy import contact_data, plain_spelling
from ecommerce_dwh.privacy import masking as privacy
from ecommerce_dwh.privacy.masking import (
    MASK,
    PRIVACY_MARK,
    mask,
    mask_error,
    mask_path,
    shape,
    shown_key,
    shown_name,
    shown_value,
)
from ecommerce_dwh.quality.page import day_page, masking
from ecommerce_dwh.quality.report import FailedRule
from ecommerce_dwh.warehouse import client as redshift
from tests.quality_reports import report

parser = sys.modules[re.compile.__module__]._parser  # the standard library's own reader of patterns

ADDRESSES = r"""
priya.sharma@example.com
PRIYA.SHARMA@EXAMPLE.COM
priya+shop@example.co.in
o'brien@example.com
priya%40example.com
priya%2540example.com
priya%252540example%2Ecom
%70%72%69%79%61%40example.com
priya&#64;example&#46;com
priya&#x40;example.com
priya&commat;example&period;com
priya&amp;#64;example.com
priya (at) example.com
priya(at)example(dot)com
priya[at]example[dot]com
priya {at} example {dot} com
priya <at> example <dot> com
priya.sharma [AT] example [DOT] com
priya dot sharma at example dot com
priya at example dot com
priya.sharma at example.com
priya at gmail.com
priya_at_example.com
priya-at-example-dot-com
priya(@)example[.]com
priya\\u0040example.com
priya+AEA-example.com
priya @ example.com
priya@ example.com
ｐｒｉｙａ＠ｅｘａｍｐｌｅ．ｃｏｍ
priya﹫example。com
"priya sharma"@example.com
"priya@home"@example.com
प्रिया@उदाहरण.भारत
прия@пример.рф
priya@[192.168.0.1]
priya@[IPv6:2001:db8::1]
priya@localhost
priya\u0040example.com
priya\x40example.com
priya\u{40}example.com
priya=40example.com
Priya Sharma <priya@example.com>
cHJpeWFAZXhhbXBsZS5jb20=
cHJpeWFAZXhhbXBsZS5jb20
7072697961406578616d706c652e636f6d
""".strip().split("\n")

NUMBERS = r"""
+91 98765 43210
+919876543210
+91-98765-43210
+91.98765.43210
+91 (0) 98765 43210
(+91) 98765 43210
0091 98765 43210
00919876543210
919876543210
91-9876543210
09876543210
0 98765 43210
9876543210
98765 43210
98765-43210
98765.43210
98765/43210
98765_43210
98765,43210
9876 543 210
98 76 54 32 10
0-98765-43210
⁹⁸⁷⁶⁵⁴³²¹⁰
987-654-3210
987 65 432 10
9 8 7 6 5 4 3 2 1 0
(98765) 43210
[98765] [43210]
98765 - 43210
98765‑43210
98765–43210
98765 43210
９８７６５４３２１０
९८७६५४३२१०
٩٨٧٦٥٤٣٢١٠
%2B919876543210
+91%2098765%2043210
98765%2D43210
&#57;876543210
(022) 2345 6789
022-23456789
02223456789
+1 (415) 555-2671
415-555-2671
415.555.2671
(415) 555 2671
1-415-555-2671
+44 20 7946 0958
+44 (0)20 7946 0958
+49 30 901820
+33.1.42.68.53.00
+91 98765 43210 ext. 12
98765 43210 x77
2345 6789 0123
4111 1111 1111 1111
OTg3NjU0MzIxMA==
""".strip().split("\n")

# With a word before the number that is no secret.
BEHIND_A_WORD = r"""
mailto:priya@example.com
=?utf-8?Q?priya=40example.com?=
email=priya@example.com
tel:+919876543210
tel:9876543210
tel9876543210
phone=14155552671
mobile no. 2671000123
wa.me/14155552671
customer_9876543210
https://shop.example/?mail=priya%40example.com
""".strip().split("\n")

HARMLESS = r"""
The job failed at example.com
failed at 3.5 of 4
run scheduled__2026-11-01T02:00:00+00:00 failed
manual__2026-11-01T02-00-00
2026-11-01 02:00:00 to 2026-11-02 02:00:00
1,234,567 of 9,876,543,210 rows (3.45%) break the rule; 1.00% are allowed
orders/dt=2026-11-01/part-00000-12345678-9012-3456-7890-123456789012.csv
C9876543210 stays, as does ORD-000123
order 10000000001 of 2026-03-10
a3f9876543210bc
arn:aws:iam::918765432109:role/ecommerce
10.20.30.40:5439
987654.3210 is above 1000
Spark 3.5.6, Python 3.11.15
2026-11-01T02:00:00.123456Z
took 1234567 ms
406-1234567 of 3,000 rows
9b1d-4e2f-1234-5678 stays
s3://ecommerce-dwh-dev-processed/quality/dt=2026-11-01/report.json
column "unit_price" of relation "staging.order_items"
ecommerce_dwh_daily.process_data, try 2 of 3
""".strip().split("\n")


@pytest.mark.parametrize("spelling", [*ADDRESSES, *NUMBERS])
@pytest.mark.parametrize("around", ["{}", "row 12: {} is bad", "'{}'", "[{}]", "a,{},b"])
def test_an_address_or_number_is_hidden_in_every_spelling(spelling, around):
    shown = mask(around.format(spelling))

    before, _, after = around.partition("{}")
    assert shown.replace(MASK, "") == before + after


@pytest.mark.parametrize("text", BEHIND_A_WORD)
def test_an_address_or_number_is_hidden_behind_a_word(text):
    shown = mask(text)

    assert MASK in shown
    for part in ("priya", "9876", "4155", "2671"):
        assert part not in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_keys_dates_and_figures_stay(text):
    assert mask(text) == text


# --- encodings as properties ---

_LOCAL = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12).map(lambda text: f"q{text}")
_MAIL = st.builds(
    lambda local, host, end: f"{local}@{host}{end}", _LOCAL, _LOCAL, st.sampled_from([".com", ".in"])
)
_MOBILE = st.from_regex(r"[6-9][0-9]{9}", fullmatch=True)


def _wide(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text)


_ENCODINGS = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "entities": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "entities of entities": lambda text: html.escape("".join(f"&#x{ord(character):x};" for character in text)),
    "escapes": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "full width": _wide,
    "mathematical": lambda text: "".join(
        chr(0x1D41A + ord(character) - 97) if "a" <= character <= "z" else character for character in text
    ),
    "invisible": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("encoding", _ENCODINGS.values(), ids=_ENCODINGS.keys())
@settings(deadline=None)
@given(value=st.one_of(_MAIL, _MOBILE), words=st.sampled_from(["{}", "row 7: '{}'", "x {} y", "({})"]))
def test_no_encoding_hides_an_address_or_number_from_the_mask(encoding, value, words):
    shown = mask(words.format(encoding(value)))

    assert MASK in shown
    assert shown.replace(MASK, "") == words.format("")


@settings(deadline=None)
@given(
    mobile=_MOBILE,
    country=st.sampled_from(["", "0", "91", "+91", "0091", "(+91)", "+91 (0)"]),
    separator=st.sampled_from([" ", "-", ".", "/", "\u00a0", "–", "‑", " - ", "_"]),
    first=st.integers(2, 5),
    second=st.integers(2, 5),
)
def test_an_indian_mobile_is_hidden_however_it_is_grouped(mobile, country, separator, first, second):
    pieces = [mobile[:first], mobile[first : first + second], mobile[first + second :]]
    number = separator.join(piece for piece in [country, *pieces] if piece)

    shown = mask(f"call {number}, please")

    assert not re.search(r"[0-9]{3}", shown), (number, shown)


@settings(deadline=None)
@given(st.text(max_size=300), st.booleans())
@example("\ud800@\udfff", True)
@example("'\"‘“«`", True)
def test_any_text_can_be_masked_and_masking_again_changes_nothing_personal(text, is_personal):
    once = mask(text, is_personal=is_personal)

    assert not privacy.has_personal(once.replace(MASK, " ")) or mask(once) != once or MASK in once
    mask_error(text), mask_path(text), shown_value(text), shown_key(text), shown_name(text)


@settings(deadline=None)
@given(value=st.one_of(_MAIL, _MOBILE), filler=st.text("ab1 @.(", max_size=20), places=st.integers(0, 400))
def test_a_cut_never_leaves_half_an_address(value, filler, places):
    shown = mask(f"{'x ' * places}{value} {filler * 40}", limit=400)

    assert value[:6] not in shown.replace(MASK, "")


# --- time ---


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "9",
        "@",
        "1 ",
        "(",
        "98765 43210 ",
        "%40",
        "&#64;",
        "a@",
        " at ",
        '"',
        ".",
        "+",
        "'",
        "\u200b",
        "Aa ",
    ],
)
def test_the_work_is_bounded_by_the_limit_and_grows_no_faster_than_the_text(unit):
    def work(length: int, limit: int) -> int:
        """Calls of functions, of Python and of C, that a text takes."""
        calls = 0

        def count(_frame, event, _argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        text = unit * (length // len(unit))
        sys.setprofile(count)
        try:
            mask(text, limit=limit)
        finally:
            sys.setprofile(None)
        return calls

    work(4000, 4000)  # what is loaded once
    assert work(1_000_000, 4000) <= work(8000, 4000) * 1.1 + 50
    assert work(16_000, 100_000) <= work(8000, 100_000) * 2.2 + 500


def test_no_pattern_repeats_without_a_bound():
    """Bounded repetitions keep every search linear, whatever the text."""

    def unbounded(parsed) -> bool:
        for operation, argument in parsed:
            name = str(operation)
            if "REPEAT" in name and (argument[1] == parser.MAXREPEAT or unbounded(argument[2])):
                return True
            if name == "SUBPATTERN" and unbounded(argument[-1]):
                return True
            if name == "BRANCH" and any(map(unbounded, argument[1])):
                return True
        return False

    names = {**vars(privacy), **vars(contact_data), **vars(plain_spelling)}
    patterns = {name: value for name, value in names.items() if isinstance(value, re.Pattern)}
    assert len(patterns) > 15
    assert [
        name for name, value in patterns.items() if unbounded(parser.parse(value.pattern, value.flags))
    ] == []


def test_a_text_full_of_numbers_is_hidden_when_too_many_would_have_to_be_looked_up(monkeypatch):
    looked_up = []
    monkeypatch.setattr(contact_data, "_is_valid", lambda number: looked_up.append(number) or False)

    shown = mask("1 23 456 " * 400)

    assert len(looked_up) <= 3 * contact_data._MOST_NUMBERS
    assert len(shown) < 1000
    assert shown.rstrip().endswith(MASK)


# --- names of files, keys, values, columns, errors ---


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("orders/dt=2026-11-01/orders.csv", "orders/dt=2026-11-01/orders.csv"),
        ("s3://b/orders/dt=2026-11-01/part-00001.json.gz", "s3://b/orders/dt=2026-11-01/part-00001.json.gz"),
        ("orders/dt=2026-11-01/Order_Items.csv", "orders/dt=2026-11-01/Order_Items.csv"),
        ("orders/dt=2026-11-01/orders[1].csv", "orders/dt=2026-11-01/orders[1].csv"),
        ("orders/dt=2026-11-01/orders_20261101_020000.csv", "orders/dt=2026-11-01/orders_20261101_020000.csv"),
        ("customers/dt=2026-11-01/priya.sharma@example.com.csv", f"customers/dt=2026-11-01/{MASK}.csv"),
        ("customers/dt=2026-11-01/priya%40example.com.csv.gz", f"customers/dt=2026-11-01/{MASK}.csv.gz"),
        ("customers/dt=2026-11-01/orders_9876543210.csv", f"customers/dt=2026-11-01/orders_{MASK}.csv"),
        ("customers/dt=2026-11-01/98765_43210.csv", f"customers/dt=2026-11-01/{MASK}.csv"),
        ("customers/dt=2026-11-01/Priya Sharma.csv", f"customers/dt=2026-11-01/{MASK}.csv"),
        ("customers/dt=2026-11-01/Priya%20Sharma.csv", f"customers/dt=2026-11-01/{MASK}.csv"),
        ("customers/dt=2026-11-01/Priya_Sharma_orders.csv", f"customers/dt=2026-11-01/{MASK}_orders.csv"),
        ("customers/dt=2026-11-01/PriyaSharma.parquet", f"customers/dt=2026-11-01/{MASK}.parquet"),
        ("customers/dt=2026-11-01/priya@example.com/a.csv", f"customers/dt=2026-11-01/{MASK}/a.csv"),
        ("customers/dt=priya@example.com/a.csv", f"customers/dt={MASK}/a.csv"),
    ],
)
def test_names_of_files_hide_people_and_keep_the_rest(path, shown):
    assert mask_path(path) == shown


@pytest.mark.parametrize(
    "key",
    [
        "1",
        "C000123",
        "o1",
        "order-17",
        "1000000001",
        "ORD/2026/00017",
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        "0f8a9b7c6d5e4f3a2b1c0d9e8f7a6b5c",
        "SKU-12.3",
    ],
)
def test_keys_are_shown(key):
    assert shown_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "Priya Sharma",
        "priya",
        "priya.sharma@example.com",
        "9876543210",
        "+919876543210",
        "1990-02-03",
        "3/2/1990",
        "12 MG Road",
        "12-mgroad",
        "priya1990",
        "प्रिया",
        "C1 ",
    ],
)
def test_what_has_not_the_form_of_a_key_is_described(key):
    assert key.strip() not in shown_key(key)
    assert shown_key(key).startswith("a text of ")


@pytest.mark.parametrize(
    "value", ["12,5", "N/A", "-1200.0000", "1e999", "abc"[:0], "?", "true", "7.25", "#REF!"]
)
def test_harmless_values_are_quoted(value):
    assert shown_value(value) == f"'{value}'"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("Priya Sharma", "Aaaaa Aaaaaa"),
        ("12 MG Road, Pune 411001", "## AA Aaaa, Aaaa ######"),
        ("priya@example.com", "aaaaa?aaaaaaa.aaa"),
        ("+91 98765 43210", "+## ##### #####"),
        ("1990-02-03", "####-##-##"),
        ("411001", "######"),
        ("प्रिया शर्मा", "aaaaaa aaaaa"),
        ("Aslı ÇELİK", "Aaaa AAAAA"),
        ("a\tb\x00c", "a?a?a"),
        ("x" * 60, "a" * 40 + "…"),
    ],
)
def test_other_values_show_length_and_form_alone(value, form):
    assert shape(value) == form
    assert shown_value(value) == f"a text of {len(value)} characters ({form})"


@settings(deadline=None)
@given(st.text(max_size=120))
def test_a_form_holds_no_letter_or_digit_of_its_value(value):
    assert {character for character in shape(value) if unicodedata.category(character)[0] in "LMN"} <= {
        "A",
        "a",
    }
    assert mask(privacy.describe(value)) == privacy.describe(value)


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("loyalty_points", True),
        ("Order-Date", True),
        ("priya sharma", False),
        ("priya@example.com", False),
        ("9876543210", False),
        ("", False),
    ],
)
def test_names_of_columns_are_shown_when_they_are_names_in_code(name, is_shown):
    assert (shown_name(name) == name) is is_shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('invalid input syntax for type integer: "Priya"', f'invalid input syntax for type integer: "{MASK}"'),
        ('relation "staging.orders" does not exist', 'relation "staging.orders" does not exist'),
        ("Failing row contains (1, Priya Sharma, 12 MG Road).", f"Failing row contains ({MASK})"),
        ("Key (customer_id)=(Priya Sharma) already exists.", f"Key (customer_id)=({MASK})"),
        ("value 'Priya Sharma' is too long", f"value '{MASK}' is too long"),
        ("cannot cast '12,5' to int", "cannot cast '12,5' to int"),
        ("no access for priya@example.com", f"no access for {MASK}"),
    ],
)
def test_errors_hide_what_they_quote_of_a_row(text, shown):
    assert mask_error(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("first_name 'Asha' is too long", f"first_name {MASK} is too long"),
        ("last_name: 'O'Brien' is too long", f"last_name: {MASK} is too long"),
        ("last_name: 'Sharma", f"last_name: {MASK}"),
        ('a "b" and ‘c’ end', f"a {MASK} and {MASK} end"),
        ("phone: 1234567 is too short", f"phone: {MASK} is too short"),
    ],
)
def test_texts_of_personal_columns_hide_all_quotations(text, shown):
    assert mask(text, is_personal=True) == shown


# --- reports that earlier code wrote ---


def _earlier_report() -> dict:
    found = report("2026-03-10", poisoned=True)
    del found["privacy"]
    found["tables"][2]["rules"][0] |= {
        "message": "2 values such as 'Priya Sharma'",
        "samples": ["Priya Sharma", "orders/dt=2026-03-10/priya@example.com.csv:7", "order-17"],
    }
    found["quarantine"][0]["samples"][0] |= {
        "source_file": "orders/dt=2026-03-10/Priya Sharma.csv",
        "message": "order_date: '12 MG Road, Pune' is not a timestamp",
    }
    found["drift"] = [{"source": "orders", "column": "priya sharma", "kind": "unknown", "file_count": 1}]
    found["not_loaded"][0] |= {
        "key": "orders/dt=2026-03-10/sub/Priya Sharma.csv",
        "reason": "its first line is 'Priya Sharma'",
    }
    return found


def test_the_day_page_hides_what_earlier_reports_quote_of_rows():
    shown = repr(day_page.day_view(_earlier_report(), {"customers": {"email"}}))

    for person in ("Priya", "priya", "Sharma", "MG Road", "asha.rao", "98765"):
        assert person not in shown
    assert "order-17" in shown
    assert f"orders/dt=2026-03-10/{MASK}.csv" in shown


def test_a_report_that_says_it_was_decided_upon_is_shown_as_it_is():
    marked = report("2026-03-10", poisoned=True)

    assert masking.guarded(marked) is marked


@pytest.mark.parametrize(
    ("page", "is_guarded"),
    [
        (f"<!doctype html><html><head><meta charset=utf-8>{PRIVACY_MARK}", True),
        ("<!doctype html><html><head><meta charset=utf-8><title>Priya</title>", False),
        ("", False),
        # In the text of a row it is no mark: markup is escaped there, and it stands further down.
        (f"<!doctype html><html><head>{' ' * 600}{PRIVACY_MARK}", False),
    ],
)
def test_a_page_of_the_job_is_served_only_with_its_mark(page, is_guarded):
    assert masking.is_guarded_page(page.encode()) is is_guarded


def test_mails_show_neither_rows_nor_names_of_files(monkeypatch):
    monkeypatch.setattr(alerts, "_contracts", dict)
    rule = FailedRule(
        "orders",
        "quarantine_ratio",
        "validity",
        "error",
        10,
        5,
        0.5,
        0.05,
        "5 of 10 rows, as of +91 98765 43210",
        ("priya@example.com",),
    )
    (item,) = alerts.gate_items([rule], [])

    assert "98765" not in str(item)
    assert "priya" not in str(item)


# --- errors of the warehouse ---

_DRIVER_ERROR = {
    "S": "ERROR",
    "C": "22P02",
    "M": 'invalid input syntax for type integer: "Priya Sharma"',
    "D": "Failing row contains (o1, Priya Sharma, 12 MG Road, +91 98765 43210).",
    "H": "See priya@example.com.",
}


class _Refusing:
    """A driver's cursor whose server refuses a row."""

    rowcount = -1

    def execute(self, *_arguments: object) -> None:
        raise RuntimeError(_DRIVER_ERROR)


def test_an_error_of_the_warehouse_quotes_no_row():
    with pytest.raises(redshift.StatementError) as caught:
        redshift.Cursor(_Refusing(), logging.getLogger("test")).run("insert into staging.orders select 1")

    shown = "".join(traceback.format_exception(caught.value))
    for person in ("Priya", "priya", "MG Road", "98765"):
        assert person not in shown
    assert "SQLSTATE 22P02" in shown
    assert "invalid input syntax for type integer" in shown


def test_a_syntax_error_still_names_the_word():
    assert mask_error('syntax error at or near "FORM"') == 'syntax error at or near "FORM"'


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("o-17", "o-17"),
        ("order_items", "order_items"),
        ("Priya Sharma", "a text of 12 characters (Aaaaa Aaaaaa)"),
        ("priya@example.com", "a text of 17 characters (aaaaa?aaaaaaa.aaa)"),
        (17, 17),
        (None, None),
    ],
)
def test_samples_of_audits_show_keys_and_words_in_code(cell, shown):
    assert privacy.shown_cell(cell) == shown
