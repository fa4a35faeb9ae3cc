"""A mapping file: which column of which file becomes which column of the tables, for exports of any other system.

``guess.propose`` writes one to be edited; ``convert`` applies it.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shop_import.notes import ImportFileError
from shop_import.reading import Export, Row, read_export
from shop_import.tables import COLUMNS, REQUIRED, Imported, Refused
from shop_import.values import Spelling, UnreadableError, amount_text, key, moment_text

Source = Literal["customers", "products", "orders", "order_items"]

MONEY = frozenset(
    (
        "price",
        "cost",
        "subtotal",
        "tax",
        "shipping_cost",
        "discount",
        "total_amount",
        "unit_price",
        "line_total",
    )
)
MOMENTS = frozenset(["order_date", "shipped_date", "delivered_date", "updated_at"])
DATES = frozenset(["date_of_birth", "registration_date"])
UNDECIDED = "?"  # of a date format: day or month may come first, and the file does not tell


class SourceMapping(BaseModel):
    """How one table is made.

    Attributes:
        file: name of the file below the folder.
        columns: the file's column by the table's.
        constants: one value for every row, by the table's column.
        formats: format of dates as of strptime, by the table's column; ISO 8601 where none is named.
        values: the table's word by the file's, by the table's column.
    """

    model_config = ConfigDict(extra="forbid")

    file: str
    columns: dict[str, str]
    constants: dict[str, str] = Field(default_factory=dict)
    formats: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)


class Mapping(BaseModel):
    """A mapping file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    timezone: str = "UTC"
    decimal: Literal[".", ","] = "."
    sources: dict[Source, SourceMapping]


def read_mapping(path: Path) -> Mapping:
    """Read a mapping.

    Raises:
        ImportFileError: it is no YAML, lacks something, or contradicts itself; the message names the entry.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        mapping = Mapping.model_validate(content)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ImportFileError(f"{path} is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ImportFileError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for name, source in mapping.sources.items():
        _check(path, name, source)
    return mapping


def _check(path: Path, name: str, source: SourceMapping) -> None:
    where = f"{path}: sources.{name}"
    for part in ("columns", "constants", "formats", "values"):
        if unknown := sorted(getattr(source, part).keys() - set(COLUMNS[name])):
            raise ImportFileError(
                f"{where}.{part}.{unknown[0]}: {name} has no such column; it has {', '.join(COLUMNS[name])}"
            )
    if both := sorted(source.columns.keys() & source.constants.keys()):
        raise ImportFileError(f"{where}: {both[0]} is given twice, as a column and as a constant")
    if missing := [
        column
        for column in REQUIRED[name]
        if column not in source.columns and column not in source.constants and column != "order_item_id"
    ]:
        raise ImportFileError(f"{where}.columns: {missing[0]} is missing; every row of {name} needs it")
    if open_ := sorted(column for column, pattern in source.formats.items() if pattern == UNDECIDED):
        raise ImportFileError(
            f"{where}.formats.{open_[0]}: decide whether day or month comes first: '%d/%m/%Y' or '%m/%d/%Y'"
        )


def convert(folder: Path, mapping: Mapping, prefix: str = "") -> Imported:
    """Make the tables out of a folder of files.

    Raises:
        ImportFileError: a file or a column that the mapping names is not there.
    """
    imported = Imported()
    exports: dict[str, Export] = {}
    for name in COLUMNS:
        source = mapping.sources.get(name)  # type: ignore[call-overload]
        if source is None:
            continue
        if source.file not in exports:
            exports[source.file] = read_export(folder / source.file)
            imported.totals.rows += len(exports[source.file].rows)
        export = exports[source.file]
        for column, given in source.columns.items():
            if given not in export.header:
                raise ImportFileError(
                    f"{export.path} has no column {given!r}, which sources.{name}.columns.{column} names; "
                    f"it has {', '.join(export.header)}"
                )
        _table(name, source, export, mapping, prefix, imported)
    _totals(imported)
    return imported


def _table(
    name: str, source: SourceMapping, export: Export, mapping: Mapping, prefix: str, imported: Imported
) -> None:
    """The rows of a table; where several rows of the file are one order, customer or product, the first counts."""
    id_column = REQUIRED[name][0]
    spellings = {
        column: Spelling(
            "UTC" if column in DATES else mapping.timezone, mapping.decimal, source.formats.get(column)
        )
        for column in COLUMNS[name]
    }
    seen: dict[str, dict[str, str]] = {}
    numbers: dict[tuple[str, str], int] = {}
    for row in export.rows:
        try:
            made = {column: _value(column, row, source, spellings[column]) for column in COLUMNS[name]}
            if name == "order_items" and not made["order_item_id"]:
                pair = (made["order_id"], made["product_id"])
                numbers[pair] = numbers.get(pair, 0) + 1
                made["order_item_id"] = ":".join((*pair, str(numbers[pair])))
            if absent := [column for column in REQUIRED[name] if not made[column]]:
                if absent == [id_column] and name in ("customers", "products"):
                    continue  # a guest's order, or a row without an article
                raise UnreadableError(f"{absent[0]} is empty")
        except UnreadableError as error:
            imported.refused.append(Refused(row, f"{name}: {error}"))
            continue
        for column in ("order_id", "customer_id", "product_id", "order_item_id"):
            if made.get(column):
                made[column] = key(prefix + made[column])
        known = seen.setdefault(made[id_column], made)
        if known is not made and name == "order_items":
            imported.refused.append(
                Refused(
                    row,
                    f"order_items: order_item_id {made[id_column]} occurs twice; leave the column out of the mapping "
                    "and lines are numbered within their order",
                )
            )
        elif known is not made and known != made:
            imported.notes.add(f"rows of one {id_column} differ in {name}; the first was taken", row.place)
    imported.tables[name] = list(seen.values())


def _value(column: str, row: Row, source: SourceMapping, spelling: Spelling) -> str:
    text = row.cells.get(source.columns.get(column, ""), "") or source.constants.get(column, "")
    text = source.values.get(column, {}).get(text, text)
    if not text:
        return ""
    try:
        if column in MONEY:
            return amount_text(spelling.amount(text))
        if column in ("quantity", "stock_quantity"):
            amount = spelling.amount(text)
            if amount != amount.to_integral_value():
                raise UnreadableError(f"{text!r} is no whole number")
            return f"{int(amount)}"
        if column in MOMENTS:
            return moment_text(spelling.moment(text))
        if column in DATES:
            return spelling.moment(text).date().isoformat()
    except UnreadableError as error:
        raise UnreadableError(f"{source.columns.get(column, column)}: {error}") from None
    return text


def _totals(imported: Imported) -> None:
    totals, tables = imported.totals, imported.tables
    totals.orders = len(tables["orders"])
    totals.lines = len(tables["order_items"])
    totals.total = sum((Decimal(row["total_amount"] or 0) for row in tables["orders"]), Decimal(0))
    amounts = [
        Decimal(row["line_total"] or Decimal(row["quantity"]) * Decimal(row["unit_price"]))
        for row in tables["order_items"]
    ]
    totals.lines_total = sum((amount for amount in amounts if amount > 0), Decimal(0))
    totals.refunded = -sum((amount for amount in amounts if amount < 0), Decimal(0))
    totals.shop_orders = totals.orders + len(
        {each.row.place for each in imported.refused if each.reason[:7] == "orders:"}
    )
    totals.shop_total = totals.total
    orders = {row["order_id"] for row in tables["orders"]}
    for row in tables["order_items"]:
        if row["order_id"] not in orders:
            imported.notes.add("lines of an order that the export does not have", row["order_id"])
    with_lines = {row["order_id"] for row in tables["order_items"]}
    for row in tables["orders"]:
        if row["order_id"] not in with_lines:
            imported.notes.add("orders without any line: their total is in no sales figure", row["order_id"])
