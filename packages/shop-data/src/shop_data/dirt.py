"""Faults of delivered files: their kinds, their rates, and the outcome that the pipeline must give each of them.

`KINDS` is the one table: the generator draws from it, the sidecar counts by it, `docs/local-data.md` prints it.
Which row gets which dirt is a hash of (seed, source, day, row), so it can be looked up for any row later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from shop_data.hashed import I64, U64, keyed, stream, uniform
from shop_data.text import Mask

Row = dict[str, str | None]

BAD_BYTE = "\udcff"  # what surrogateescape turns into the byte FF, which no UTF-8 text holds
STRAY_QUOTE = "\ue000"  # becomes a bare quote in the middle of an unquoted CSV field

MODES = {"none": 0.0, "default": 1.0, "heavy": 10.0}

_CSV = frozenset({"csv"})
_TEXT = frozenset({"csv", "json"})
_ALL = frozenset({"csv", "json", "parquet"})


@dataclass(frozen=True)
class Kind:
    """One way in which a row is off.

    Attributes:
        source: source whose rows it befalls.
        name: what is wrong.
        rate: share of rows at ``--dirt default``; ``heavy`` is ten times as much.
        outcome: ``quarantined``, ``superseded`` (the row comes twice, one counts), ``warned`` or ``accepted``.
        rule: for quarantined rows, the rule under which, without the column.
        change: makes the off row out of a clean one.
        copies: the clean row is written too, before the changed one.
        breakage: how the text of the row is broken after it is written: ``short`` or ``long``.
        formats: file formats that can carry it.
    """

    source: str
    name: str
    rate: float
    outcome: str
    rule: str = ""
    change: Callable[[Row], Row] = dict
    copies: bool = False
    breakage: str = ""
    formats: frozenset[str] = _ALL

    @property
    def readable(self) -> bool:
        """Whether single values can be read; a row that is broken as a whole counts with amount 0."""
        return not self.breakage and self.rule != "invalid_utf8"


def _set(**values: str | None) -> Callable[[Row], Row]:
    return lambda row: {**row, **values}


def _edit(column: str, edit: Callable[[str], str | None]) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        text = row[column]
        return {**row, column: None if text is None else edit(text)}

    return change


def _negative_price(row: Row) -> Row:
    price = -abs(Decimal(row["unit_price"] or 0)) or Decimal("-1.00")
    return {**row, "unit_price": str(price), "line_total": str(price * int(row["quantity"] or 0))}


def _one_more(row: Row) -> Row:
    quantity = int(row["quantity"] or 0) + (1 if int(row["quantity"] or 0) > 0 else -1)
    return {**row, "quantity": str(quantity), "line_total": str(Decimal(row["unit_price"] or 0) * quantity)}


def _off_by_a_rupee(row: Row) -> Row:
    return {**row, "line_total": str(Decimal(row["line_total"] or 0) + Decimal("1.00"))}


def _shipped_early(row: Row) -> Row:
    return {**row, "shipped_date": "2009-01-01 00:00:00", "delivered_date": None}


def _zoned(row: Row) -> Row:
    """The same instant as ISO 8601 with a zone."""
    return {**row, "order_date": (row["order_date"] or "").replace(" ", "T") + "Z"}


def _every(source: str, key: str, victim: str, scale: float = 1.0) -> tuple[Kind, ...]:
    """Kinds that any source can have; ``victim`` is a text column that is not the key."""
    return (
        Kind(source, "missing_key", 0.0003 * scale, "quarantined", "not_null", _set(**{key: None})),
        Kind(
            source,
            "long_key",
            0.0001 * scale,
            "quarantined",
            "too_long",
            _edit(key, lambda text: text + "X" * 80),
        ),
        Kind(
            source,
            "invalid_utf8",
            0.0002 * scale,
            "quarantined",
            "invalid_utf8",
            lambda row: {**row, victim: f"{row[victim] or ''}{BAD_BYTE}"},
            formats=_TEXT,
        ),
        Kind(
            source,
            "short_row",
            0.0002 * scale,
            "quarantined",
            "wrong_field_count",
            breakage="short",
            formats=_TEXT,
        ),
        Kind(
            source,
            "long_row",
            0.0001 * scale,
            "quarantined",
            "wrong_field_count",
            breakage="long",
            formats=_CSV,
        ),
        Kind(source, "exact_duplicate", 0.001 * scale, "superseded", copies=True),
    )


_TEXTUAL = (
    ("quoted_newline", "accepted", lambda text: f"{text}\n2nd line", _ALL),
    ("doubled_quote", "accepted", lambda text: f'The "{text}"', _ALL),
    ("stray_quote", "accepted", lambda text: f"12{STRAY_QUOTE} {text.replace(',', '')}", _CSV),
    ("padded_text", "accepted", lambda text: f"  {text} ", _ALL),
)


def _textual(source: str, column: str, rate: float) -> tuple[Kind, ...]:
    return tuple(
        Kind(source, name, rate, outcome, change=_edit(column, edit), formats=formats)
        for name, outcome, edit, formats in _TEXTUAL
    )


KINDS: tuple[Kind, ...] = (
    *_every("customers", "customer_id", "city"),
    *_textual("customers", "address", 0.001),
    Kind(
        "customers",
        "duplicate_key",
        0.0005,
        "superseded",
        change=_set(gender=None, phone="+910000000000"),
        copies=True,
    ),
    Kind(
        "customers", "bad_email", 0.002, "warned", change=_edit("email", lambda text: text.replace("@", " at "))
    ),
    *_every("products", "product_id", "brand", scale=3.0),
    *_textual("products", "product_name", 0.003),
    Kind(
        "products",
        "duplicate_key",
        0.002,
        "superseded",
        change=_edit("product_name", lambda text: f"{text} (new)"),
        copies=True,
    ),
    Kind(
        "products",
        "html_in_name",
        0.005,
        "accepted",
        change=_edit("product_name", lambda text: f"<b>{text}</b><br/>&amp; more"),
    ),
    *_every("orders", "order_id", "shipping_city"),
    Kind(
        "orders",
        "bad_date",
        0.0003,
        "quarantined",
        "unparseable",
        _edit("order_date", lambda text: f"{text[:4]}-13-45 {text[11:]}"),
        formats=_TEXT,
    ),
    Kind(
        "orders",
        "day_first_date",
        0.0001,
        "quarantined",
        "unparseable",
        _edit("order_date", lambda text: f"{text[8:10]}/{text[5:7]}/{text[:4]}"),
        formats=_TEXT,
    ),
    Kind("orders", "not_finite", 0.0001, "quarantined", "non_finite", _set(total_amount="NaN"), formats=_TEXT),
    Kind("orders", "duplicate_key", 0.0005, "superseded", change=_set(payment_method="unknown"), copies=True),
    Kind(
        "orders",
        "odd_status_spelling",
        0.01,
        "accepted",
        change=_edit("order_status", lambda text: "Canceled" if text == "cancelled" else f" {text.upper()} "),
    ),
    Kind("orders", "unknown_status", 0.0002, "warned", change=_set(order_status="teleported")),
    Kind("orders", "unknown_currency", 0.0002, "warned", change=_set(currency="XXX")),
    Kind("orders", "shipped_before_ordered", 0.0005, "warned", change=_shipped_early),
    Kind("orders", "zoned_timestamp", 0.005, "accepted", change=_zoned, formats=_TEXT),
    *_every("order_items", "order_item_id", "product_id"),
    Kind("order_items", "missing_product", 0.0002, "quarantined", "not_null", _set(product_id=None)),
    Kind(
        "order_items",
        "bad_quantity",
        0.0003,
        "quarantined",
        "unparseable",
        _set(quantity="two"),
        formats=_TEXT,
    ),
    Kind(
        "order_items",
        "bad_price",
        0.0003,
        "quarantined",
        "unparseable",
        _set(unit_price="N/A"),
        formats=_TEXT,
    ),
    Kind(
        "order_items", "not_finite", 0.0002, "quarantined", "non_finite", _set(unit_price="NaN"), formats=_TEXT
    ),
    Kind("order_items", "negative_price", 0.0002, "quarantined", "below_minimum", _negative_price),
    Kind("order_items", "duplicate_key", 0.0005, "superseded", change=_one_more, copies=True),
    Kind("order_items", "line_total_off", 0.0005, "warned", change=_off_by_a_rupee),
    Kind("order_items", "no_line_total", 0.005, "accepted", change=_set(line_total=None)),
    Kind("order_items", "zero_price", 0.001, "accepted", change=_set(unit_price="0.00", line_total="0.00")),
    Kind(
        "order_items",
        "padded_key",
        0.0005,
        "accepted",
        change=_edit("order_item_id", lambda text: f" {text}  "),
    ),
    *_every("web_events", "event_id", "page_url"),
    Kind(
        "web_events",
        "bad_date",
        0.0003,
        "quarantined",
        "unparseable",
        _set(event_timestamp="yesterday"),
        formats=_TEXT,
    ),
)


def row_amount(row: Row) -> Decimal:
    """The ledger's amount of an order item: ``line_total``, else quantity × price, else nothing."""

    def number(text: str | None) -> Decimal | None:
        try:
            value = Decimal(text or "")
        except InvalidOperation:
            return None
        return value if value.is_finite() else None

    total, quantity, price = (number(row[name]) for name in ("line_total", "quantity", "unit_price"))
    if total is not None:
        return total
    return Decimal(0) if quantity is None or price is None else quantity * price


def rule_in(kind: Kind, family: str) -> str:
    """The rule that catches a kind in files of a family of formats."""
    return "malformed_json" if kind.breakage and family == "json" else kind.rule


class Dirt:
    """Decides which rows are off.

    Attributes:
        kinds: per source, the kinds in the order of the numbers that `choose` gives.
    """

    def __init__(self, seed: int, mode: str, file_format: str) -> None:
        if mode not in MODES:
            raise ValueError(f"dirt is {mode!r}; choose one of {', '.join(MODES)}")
        self.kinds: dict[str, list[Kind]] = {}
        self._limits: dict[str, np.ndarray] = {}
        self._possible: dict[str, np.ndarray] = {}
        self._rejected: dict[str, np.ndarray] = {}
        self._streams: dict[str, np.uint64] = {}
        for source in dict.fromkeys(kind.source for kind in KINDS):
            kinds = [kind for kind in KINDS if kind.source == source]
            self.kinds[source] = kinds
            self._limits[source] = np.cumsum([kind.rate * MODES[mode] for kind in kinds])
            # A format that cannot carry a kind leaves its rows clean, so the other rows stay the same.
            self._possible[source] = np.array([file_format in kind.formats for kind in kinds] + [False])
            rejected = [kind.outcome == "quarantined" for kind in kinds]
            self._rejected[source] = np.array([*rejected, False]) & self._possible[source]
            self._streams[source] = stream(seed, f"dirt/{source}")

    def _number(self, source: str, day: int, identity: U64) -> I64:
        draw = uniform(keyed(self._streams[source], day, identity.view(np.int64)))
        return np.searchsorted(self._limits[source], draw, side="right")

    def choose(self, source: str, day: int, identity: U64) -> I64:
        """Number of the kind per row, -1 for clean rows."""
        number = self._number(source, day, identity)
        return np.where(self._possible[source][number], number, -1)

    def rejected(self, source: str, day: int, identity: U64) -> Mask:
        """Whether a row will be quarantined."""
        return self._rejected[source][self._number(source, day, identity)]
