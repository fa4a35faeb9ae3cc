"""Facets: a table's or view's definition in small parts, each a text, so that three states of it can be compared.

The three are what ``include/sql`` declares, what was noted when a plan was applied last, and what the catalogue has.
Names of facets: ``column <name>``, ``primary key``, ``foreign key (<columns>)``, ``distribution``, ``sort key``,
``column order``, ``rows`` (statements beside the definition), ``definition`` (of a view), ``comment``,
``comment <column>`` and ``grants <role>``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

Facets = Mapping[str, str]

_NAMES = {
    "character varying": "varchar",
    "nvarchar": "varchar",
    "text": "varchar",
    "character": "char",
    "bpchar": "char",
    "nchar": "char",
    "numeric": "decimal",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "float8": "double precision",
    "double": "double precision",
    "float": "double precision",
    "float4": "real",
}
# What Redshift takes where a declaration gives no size: r_Character_types, r_Numeric_types201.
_SIZES = {"varchar": "256", "char": "1", "decimal": "18, 0"}
_COLUMN = re.compile(r"(.+?)( not null)?(?: default (.*))?", re.DOTALL)
_CAST = re.compile(r"::\s*[a-z_ ]+(\([\d, ]+\))?", re.IGNORECASE)


def type_text(name: str, *sizes: object) -> str:
    """A column's type in one spelling: ``varchar(64)``, ``decimal(18, 4)``, ``bigint``."""
    name = " ".join(name.lower().split())
    name = _NAMES.get(name, name)
    given = ", ".join(str(size) for size in sizes) or _SIZES.get(name, "")
    return f"{name}({given})" if name in _SIZES else name


def column_text(kind: str, nullable: bool, default: str | None) -> str:
    """The facet of a column."""
    return (
        kind
        + ("" if nullable else " not null")
        + (f" default {default_text(default)}" if default is not None else "")
    )


def default_text(expression: str) -> str:
    """A default without the casts that a catalogue adds."""
    text = _CAST.sub("", expression.strip())
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    return text if "'" in text else text.lower()


def column_parts(text: str) -> tuple[str, bool, str | None]:
    """Type, whether it may be null, and default of a column's facet."""
    found = _COLUMN.fullmatch(text)
    return (found[1], not found[2], found[3]) if found else (text, True, None)


def varchar_size(kind: str) -> int:
    """Bytes of a VARCHAR; 0 for other types."""
    found = re.fullmatch(r"varchar\((\d+)\)", kind)
    return int(found[1]) if found else 0


def columns(facets: Facets) -> dict[str, str]:
    """The columns of a table's facets, in their order."""
    return {
        key.removeprefix("column "): text
        for key, text in facets.items()
        if key.startswith("column ") and key != ORDER
    }


def privileges_text(privileges: Mapping[str, Iterable[str]]) -> str:
    """The facet of a role's privileges: columns by privilege; no columns means the whole relation."""
    return ", ".join(
        privilege + (f" ({', '.join(sorted(names))})" if names else "")
        for privilege, names in sorted((privilege, tuple(names)) for privilege, names in privileges.items())
    )


def privileges(text: str) -> list[str]:
    """The single privileges of a facet, each as GRANT takes it."""
    return re.findall(r"[a-z]+(?: \([^)]*\))?", text)


def digest(text: str) -> str:
    """A short name of a text, for comparing."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


ORDER = "column order"
DISTRIBUTION = "distribution"
SORT_KEY = "sort key"
PRIMARY_KEY = "primary key"
FOREIGN_KEY = "foreign key"
DEFINITION = "definition"
ROWS = "rows"
