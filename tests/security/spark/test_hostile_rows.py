"""Rows that mean harm in a file that can be read: input → the value that is loaded, or the rule that rejects the row.

All of them go through one run of the processing job, which must end: a number that would take an hour to compute is
judged by its spelling.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hostile import ITEMS
from lake_for_tests import Lake

DAY = "2026-03-01"

# Spelling of a price → price, or rule.
PRICES: dict[str, Any] = {
    "1e-300000000": "out_of_range:unit_price",
    "1E-300000000": "out_of_range:unit_price",
    "1e300000000": "out_of_range:unit_price",
    "0e-300000000": "out_of_range:unit_price",
    "0e300000000": "out_of_range:unit_price",
    "1e-2147483648": "out_of_range:unit_price",
    "1e-2147483647": "out_of_range:unit_price",
    "1e2147483647": "out_of_range:unit_price",
    "1e99999999999": "out_of_range:unit_price",
    "1e-99999999999": "out_of_range:unit_price",
    "1e-0000000001": "out_of_range:unit_price",
    "1.00000e-99999": "out_of_range:unit_price",
    "1e-999": Decimal(0),
    "1e-99": Decimal(0),
    "1e999": "out_of_range:unit_price",
    "1e-9": Decimal(0),
    "1e2": Decimal(100),
    "1E+2": Decimal(100),
    "1.5e1": Decimal(15),
    "-1e-300000000": "out_of_range:unit_price",
    "-1": "below_minimum:unit_price",
    "+1": Decimal(1),
    ".5": Decimal("0.5"),
    "5.": Decimal(5),
    "1_000": "unparseable:unit_price",
    "0x10": "unparseable:unit_price",
    "1d": "unparseable:unit_price",
    "1f": "unparseable:unit_price",
    "1,5"[:1] + "'5": "unparseable:unit_price",
    "NaN": "not_null:unit_price",  # one of the contract's words for a missing value
    "-Infinity": "non_finite:unit_price",
    "inf": "non_finite:unit_price",
    "１２": "unparseable:unit_price",
    "٣": "unparseable:unit_price",
    "1e": "unparseable:unit_price",
    "e1": "unparseable:unit_price",
    "1e1e1": "unparseable:unit_price",
    "--1": "unparseable:unit_price",
    "=1+1": "unparseable:unit_price",
    "@SUM(1)": "unparseable:unit_price",
    "$1": "unparseable:unit_price",
    "1; drop table orders": "unparseable:unit_price",
    "${1}": "unparseable:unit_price",
    "9" * 14: Decimal("9" * 14),
    "9" * 15: "out_of_range:unit_price",
    "9" * 400: "out_of_range:unit_price",
    "9" * 100_000: "out_of_range:unit_price",
    "0." + "0" * 100_000 + "1": "out_of_range:unit_price",
    "0" * 100_000 + "1": "out_of_range:unit_price",
    "0." + "9" * 390: Decimal(1),
}
QUANTITIES: dict[str, Any] = {
    "1": 1,
    "-1": -1,
    "1.0": 1,
    "1." + "0" * 100_000: 1,
    "1.5": "unparseable:quantity",
    "1e3": "unparseable:quantity",
    "1e-300000000": "unparseable:quantity",
    "2147483647": 2147483647,
    "2147483648": "out_of_range:quantity",
    "9" * 100_000: "out_of_range:quantity",
    "0" * 100_000 + "1": 1,
    "0x7f": "unparseable:quantity",
    "٣": "unparseable:quantity",
    "NaN": "not_null:quantity",
    "1 2": "unparseable:quantity",
    "true": "unparseable:quantity",
}
_ITEM = {"order_id": "o", "product_id": "p", "quantity": 1, "unit_price": 1}
_BEGIN = '{"order_item_id": "%s", "order_id": "o", "product_id": "p", "quantity": 1, "unit_price": 1'
# A JSON line, %s being its key → product_id, or rule.
LINES: dict[str, tuple[str, Any]] = {
    "plain": (_BEGIN + "}", "p"),
    "nested 100,000 deep": (_BEGIN + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "json_too_deep"),
    "objects 100,000 deep": (_BEGIN + ', "x": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "json_too_deep"),
    "deep and not closed": (_BEGIN + ', "x": ' + "[" * 500_000, "json_too_deep"),
    "nested 31 deep in the object": (_BEGIN + ', "x": ' + "[" * 31 + "]" * 31 + "}", "p"),
    "nested 32 deep in the object": (_BEGIN + ', "x": ' + "[" * 32 + "]" * 32 + "}", "json_too_deep"),
    "many brackets side by side": (_BEGIN + ', "x": [' + "[]," * 50_000 + "[]]}", "p"),
    "brackets in a text": (_BEGIN + ', "x": "' + "[{" * 100_000 + '"}', "p"),
    "brackets in a text with quotes": (_BEGIN + ', "x": "' + '\\"[' * 100_000 + '"}', "p"),
    "a million digits": (
        _BEGIN.replace('"unit_price": 1', '"unit_price": ' + "9" * 1_000_000) + "}",
        "out_of_range:unit_price",
    ),
    "a tiny exponent": (
        _BEGIN.replace('"unit_price": 1', '"unit_price": 1e-300000000') + "}",
        "out_of_range:unit_price",
    ),
    "a huge exponent": (
        _BEGIN.replace('"unit_price": 1', '"unit_price": 1e300000000') + "}",
        "out_of_range:unit_price",
    ),
    "NaN": (_BEGIN.replace('"unit_price": 1', '"unit_price": NaN') + "}", "not_null:unit_price"),
    "Infinity": (_BEGIN.replace('"unit_price": 1', '"unit_price": -Infinity') + "}", "non_finite:unit_price"),
    "a member twice": (_BEGIN + ', "quantity": 2}', "malformed_json"),
    "a member twice in another case": (_BEGIN + ', "QUANTITY": 2}', "malformed_json"),
    "100,000 members": (_BEGIN + "".join(f',"m{number}":{number}' for number in range(60_000)) + "}", "p"),
    "a lone surrogate": (_BEGIN.replace('"p"', '"\\ud800"') + "}", "invalid_utf8"),
    "a NUL": (_BEGIN.replace('"p"', '"p\\u0000"') + "}", "nul_byte"),
    "an object as a value": (
        _BEGIN.replace('"quantity": 1', '"quantity": {"$gt": 0}') + "}",
        "unparseable:quantity",
    ),
    "a list as a value": (_BEGIN.replace('"quantity": 1', '"quantity": [1]') + "}", "unparseable:quantity"),
    "a boolean as a value": (_BEGIN.replace('"quantity": 1', '"quantity": true') + "}", "unparseable:quantity"),
    "two objects": (_BEGIN + "}{}", "malformed_json"),
    "an object and a comment": (_BEGIN + "} // %s", "malformed_json"),
    "single quotes": ("{'order_item_id': '%s'}", "malformed_json"),
    "a Python tag": (_BEGIN + ', "x": !!python/object/apply:os.system ["id"]}', "malformed_json"),
    "a prototype": (_BEGIN + ', "__proto__": {"product_id": "evil"}, "constructor": 1}', "p"),
    "a class": (_BEGIN + ', "@type": "javax.naming.InitialContext", "py/object": "os.system"}', "p"),
    "a formula": (_BEGIN.replace('"p"', '"=cmd|1"') + "}", "=cmd|1"),
    "an array": ("[%s]", "malformed_json"),
    "a number": ("1", "malformed_json"),
    "a text": ('"%s"', "malformed_json"),
    "null": ("null", "malformed_json"),
    "a key of nothing": (_BEGIN.replace('"%s"', "null") + "}", "not_null:order_item_id"),
    "a line of 1.2 MB": (_BEGIN + ', "x": "' + "x" * 1_200_000 + '"}', "row_too_long"),
}
# A CSV line → product_id, or rule; read by the ways that its file needs.
ROWS: dict[str, tuple[bytes, Any]] = {
    "30,000 fields": (b"," * 30_000, "wrong_field_count"),
    "a line of 1.2 MB": (b"x" * 1_200_000, "row_too_long"),
    "a line of commas": (b"," * 1_000_000, "wrong_field_count"),
    "no UTF-8": (b"\xff,o,p,1,1,", "invalid_utf8"),
    "half a surrogate pair": (b"\xed\xa0\x80,o,p,1,1,", "invalid_utf8"),
    "overlong UTF-8": (b"\xc0\xaf,o,p,1,1,", "invalid_utf8"),
    "a NUL": (b"i\0,o,p,1,1,", "nul_byte"),
    "too few fields": (b"i,o", "wrong_field_count"),
    "a key of 65 characters": (b"i" * 65 + b",o,p,1,1,", "too_long:order_item_id"),
}
QUOTED: dict[str, tuple[bytes, Any]] = {
    "30,000 quoted fields": (b'"",' * 30_000 + b'""', "wrong_field_count"),
    "a line of quotes": (b'"' * 200_001, "unclosed_quote"),
    "text behind a quote": (b'"i"x,o,p,1,1,', "malformed_quotes"),
    "a quote that never closes": (b'"i,o,p,1,1,', "unclosed_quote"),
}


def judged(
    lake: Lake, table: dict[str, Any], expected: dict[tuple[str, int], Any], column: str
) -> dict[str, Any]:
    """The differences from the expectation: input → (found, expected)."""
    found: dict[tuple[str, int], Any] = {
        (row["source_file"], row["source_line"]): row["rule"] for row in lake.quarantine()
    }
    for row in lake.loaded("order_items").collect():
        found[row["source_file"], row["source_line"]] = row[column]
    return {
        name[:60]: (found.get(place, "lost"), outcome)
        for name, (place, outcome) in zip(table, expected.items(), strict=True)
        if found.get(place, "lost") != outcome
    }


def test_numbers_are_judged_by_their_spelling(lake: Lake) -> None:
    prices = b"".join(f"p{n},o,p,1,{text},\n".encode() for n, text in enumerate(PRICES))
    quantities = b"".join(f"q{n},o,p,{text},1,\n".encode() for n, text in enumerate(QUANTITIES))
    first = lake.put("order_items", DAY, ITEMS + prices, "prices.csv")
    second = lake.put("order_items", DAY, ITEMS + quantities, "quantities.csv")
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    expected = {(first, n + 2): outcome for n, outcome in enumerate(PRICES.values())}
    assert not judged(lake, PRICES, expected, "unit_price")
    expected = {(second, n + 2): outcome for n, outcome in enumerate(QUANTITIES.values())}
    assert not judged(lake, QUANTITIES, expected, "quantity")


def test_json_lines_are_judged_one_by_one(lake: Lake) -> None:
    lines = [text.replace("%s", f"i{n}") for n, (text, _) in enumerate(LINES.values())]
    key = lake.put("order_items", DAY, "\n".join(lines).encode(), "a.json")
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    expected = {(key, n + 1): outcome for n, (_, outcome) in enumerate(LINES.values())}
    assert not judged(lake, LINES, expected, "product_id")
    assert all(json.loads(lines[0])[name] == value for name, value in _ITEM.items())


def test_csv_lines_are_judged_one_by_one(lake: Lake) -> None:
    """Each kind of file has damaged lines of its own; a good one between them shows that reading goes on."""
    good = b"g%d,o,p,1,1,"
    places: dict[str, dict[tuple[str, int], Any]] = {}
    for name, table in (("plain", ROWS), ("quoted", QUOTED)):
        lines = [
            line
            for n, (text, _) in enumerate(table.values())
            for line in (text, good.replace(b"g", name[:1].encode()) % n)
        ]
        key = lake.put("order_items", DAY, ITEMS + b"\n".join(lines), f"{name}.csv")
        places[name] = {(key, 2 * n + 2): outcome for n, (_, outcome) in enumerate(table.values())}
    wide = lake.put("order_items", DAY, ITEMS + b'"w",o,p,1,1,\n' + b'"",' * 30_000 + b'""\n', "wide.csv")
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    assert not judged(lake, ROWS, places["plain"], "product_id")
    assert not judged(lake, QUOTED, places["quoted"], "product_id")
    keys = {row["order_item_id"] for row in lake.loaded("order_items").collect()}
    assert keys == {"w", *(f"p{n}" for n in range(len(ROWS))), *(f"q{n}" for n in range(len(QUOTED)))}
    assert (wide, 3, "wrong_field_count") in {
        (r["source_file"], r["source_line"], r["rule"]) for r in lake.quarantine()
    }
