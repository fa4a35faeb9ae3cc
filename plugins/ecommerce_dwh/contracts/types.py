"""Everything that is known of a column's type, once per type.

A contract names a type as Redshift does (``physicalType``). `TYPES` adds, per type, its name in Spark and Glue, the
types that can be read as it, and a neutral value. The local stand-ins of AWS keep tables of their own, because they
must not import the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHOLE = ("smallint", "integer", "bigint")
_MOMENTS = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})


@dataclass(frozen=True)
class ColumnType:
    """A type of a contract's column.

    Attributes:
        name: Redshift's name, without length or precision.
        logical: the standard's ``logicalType`` for it.
        expected: words for a value of it, for the reason of a quarantined row; empty for text, which is always one.
        blank: a neutral value, which replaces an erased personal value where a value is required; empty for numbers,
            which become their smallest allowed value.
        crawled: families of types that a crawler finds (`FAMILIES`) and that can be read as this type.
        postgres: PostgreSQL's types (``information_schema.columns.data_type``) whose text form can be read as this
            type; None: every type's.
        spark: name in Spark, Hive and the Glue Data Catalog; empty where it is Redshift's, with precision.
        literals: Python types of values that can be compared with it in a rule.
    """

    name: str
    logical: str
    expected: str
    blank: str
    crawled: frozenset[str]
    postgres: frozenset[str] | None
    spark: str = ""
    literals: tuple[type, ...] = ()

    @property
    def is_text(self) -> bool:
        return self.name == "varchar"

    @property
    def is_number(self) -> bool:
        return self.logical in ("number", "integer")

    @property
    def is_moment(self) -> bool:
        """Whether it is a date or a time, so that a contract may declare patterns of it."""
        return self.name in ("date", "timestamp")


TYPES = {
    known.name: known
    for known in (
        ColumnType(
            "varchar",
            "string",
            expected="",
            blank="x",
            crawled=frozenset({"integer", "number", "date", "timestamp", "boolean", "text"}),
            postgres=None,
            spark="string",
            literals=(str,),
        ),
        ColumnType(
            "integer",
            "integer",
            expected="a whole number",
            blank="",
            crawled=frozenset({"integer", "number", "text"}),
            postgres=frozenset(_WHOLE),
            spark="int",
            literals=(int,),
        ),
        ColumnType(
            "bigint",
            "integer",
            expected="a whole number",
            blank="",
            crawled=frozenset({"integer", "number", "text"}),
            postgres=frozenset(_WHOLE),
            literals=(int,),
        ),
        ColumnType(
            "decimal",
            "number",
            expected="a number",
            blank="",
            crawled=frozenset({"integer", "number", "text"}),
            postgres=frozenset({*_WHOLE, "numeric", "real", "double precision"}),
            literals=(int, float),
        ),
        ColumnType(
            "date",
            "date",
            expected="a date (YYYY-MM-DD)",
            blank="1900-01-01",
            crawled=frozenset({"date", "timestamp", "text"}),
            postgres=_MOMENTS,
        ),
        ColumnType(
            "timestamp",
            "timestamp",
            expected="a timestamp (ISO 8601 or YYYY-MM-DD HH:MM:SS)",
            blank="1900-01-01 00:00:00",
            crawled=frozenset({"date", "timestamp", "text"}),
            postgres=_MOMENTS,
        ),
        ColumnType(
            "boolean",
            "boolean",
            expected="a boolean (true or false)",
            blank="false",
            crawled=frozenset({"boolean", "integer", "text"}),
            postgres=frozenset({"boolean"}),
        ),
    )
}
# Families of the types that a crawler finds, in Hive's spelling without parameters. A type that is not listed, such as
# that of a column without values, is read as text.
FAMILIES = {
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
    "array": "list",
    "struct": "list",
    "map": "list",
}
_TYPE = re.compile(r"(varchar)\((\d+)\)|(decimal)\((\d+),\s*(\d+)\)|(integer|bigint|date|timestamp|boolean)")
# Limits of Redshift: "Character types" and "Numeric types" in the Amazon Redshift Database Developer Guide.
_MAX_VARCHAR = 65535
_MAX_PRECISION = 38


def type_of(text: str) -> ColumnType:
    """The type that a column's type text names, such as ``decimal(18,4)``.

    Raises:
        KeyError: it names none.
    """
    return TYPES[text.split("(", maxsplit=1)[0]]


def family_of(crawled: str) -> str:
    """The family of a type that a crawler found, such as ``list`` for ``array<string>``."""
    return FAMILIES.get(re.split(r"[<(]", crawled.lower())[0], "text")


def checked_type(text: str) -> str:
    """A ``physicalType`` in the one spelling that contracts use: lower case, no blanks.

    Raises:
        ValueError: Redshift has no such type, or none that the pipeline carries; the message says which it may be.
    """
    kind = text.replace(" ", "").lower()
    match = _TYPE.fullmatch(kind)
    if not match:
        raise ValueError(
            f"unknown physicalType {text!r}; "
            "use varchar(n), integer, bigint, decimal(p,s), date, timestamp or boolean"
        )
    if match[1] and not (len(match[2]) <= 5 and 1 <= int(match[2]) <= _MAX_VARCHAR):
        raise ValueError(f"varchar length is 1…{_MAX_VARCHAR} bytes")
    if match[3] and not _is_possible(match[4], match[5]):
        raise ValueError(f"impossible {kind}")
    return kind


def _is_possible(precision: str, scale: str) -> bool:
    if len(precision) > 2 or len(scale) > 2:
        return False
    return 1 <= int(precision) <= _MAX_PRECISION and 0 <= int(scale) <= int(precision)
