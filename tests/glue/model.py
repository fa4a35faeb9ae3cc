"""The work of processing on a file of order lines, written down a second time in plain Python.

Deliberately simple and character by character; shares no code with the library.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT4 = Decimal("0.0001")
LIMIT = Decimal(10) ** 14
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
NULL_WORDS = ("", "NULL", "null", "\\N", "nan", "NaN", "None", "<NA>", "NaT")
COLUMNS = ("order_item_id", "order_id", "product_id", "quantity", "unit_price", "line_total")


@dataclass
class Day:
    """Expected outcome of a day's file."""

    accepted: dict[str, tuple[object, ...]] = field(default_factory=dict)
    quarantined: set[tuple[int, str]] = field(default_factory=set)
    raw: int = 0
    raw_amount: Decimal = Decimal(0)
    quarantined_amount: Decimal = Decimal(0)


def parse(record: str) -> list[str] | str:
    """Fields of a record, or what is wrong with it."""
    fields, state, text = [], "start", ""
    for char in [*record, ","]:
        if state == "start" and char == '"':
            state = "quoted"
        elif state == "quoted":
            if char == '"':
                state = "maybe closed"
            else:
                text += char
        elif state == "maybe closed" and char == '"':
            text, state = text + '"', "quoted"
        elif char == ",":
            fields.append(text)
            text, state = "", "start"
        elif state == "maybe closed":
            return "malformed_quotes"
        else:
            text, state = text + char, "plain"
    return "unclosed_quote" if state == "quoted" else fields


def records(content: bytes) -> list[tuple[int, list[str] | str]]:
    """Records behind the header: line and fields, or line and defect."""
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    result: list[tuple[int, list[str] | str]] = []
    index = 1
    while index < len(lines):
        text = lines[index].removesuffix(b"\r")
        if text.strip(b" \t\r") == b"":
            index += 1
            continue
        used, found = 1, parse(text.decode("utf-8", "surrogateescape"))
        if found == "unclosed_quote":
            for more in range(2, 101):
                if index + more > len(lines):
                    break
                joined = b"\n".join(lines[index : index + more]).removesuffix(b"\r")
                trial = parse(joined.decode("utf-8", "surrogateescape"))
                if isinstance(trial, list):
                    used, found, text = more, trial, joined
                    break
                if trial == "malformed_quotes":
                    break
        if b"\0" in text:
            found = "nul_byte"
        else:
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                found = "invalid_utf8"
        if isinstance(found, list) and len(found) != len(COLUMNS):
            found = "wrong_field_count"
        result.append((index + 1, found))
        index += used
    return result


def money(text: str | None) -> Decimal | None:
    if text is None or not NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    if value.adjusted() > 20:
        return None
    value = value.quantize(CENT4, ROUND_HALF_UP) + 0  # as in Java, zero has no sign
    return value if abs(value) < LIMIT else None


def whole(text: str | None) -> int | None:
    if text is None or not WHOLE.fullmatch(text):
        return None
    value = int(text.split(".")[0])
    return value if -(2**31) <= value < 2**31 else None


def text_of(value: object) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


def judge(content: bytes) -> Day:
    """The expected outcome of a day whose only file this is."""
    day = Day()
    best: dict[str, tuple[str, int]] = {}
    for line, found in records(content):
        day.raw += 1
        if isinstance(found, str):
            day.quarantined.add((line, found))
            continue
        texts = [None if (value := each.strip(" \t\r\n")) in NULL_WORDS else value for each in found]
        key, order, product, quantity_text, price_text, total_text = texts
        quantity, price, total = whole(quantity_text), money(price_text), money(total_text)
        amount = total if total is not None else Decimal(0)
        if total is None and quantity is not None and price is not None:
            amount = quantity * price
        day.raw_amount += amount
        bad = (
            any(value is None or len(value.encode()) > 64 for value in (key, order, product))
            or quantity is None
            or price is None
            or price < 0
            or (total_text is not None and total is None)
            or (total is None and abs(amount) >= LIMIT)
        )
        if bad:
            day.quarantined.add((line, "value"))
            day.quarantined_amount += amount
            continue
        assert key is not None
        content_hash = hashlib.md5(
            "\0".join(text_of(value) for value in (order, product, quantity, price, total)).encode()
        ).hexdigest()
        rank = (content_hash, -line)
        if key not in best or rank > best[key]:
            best[key] = rank
            day.accepted[key] = (order, product, quantity, price, total, line, content_hash)
    return day
