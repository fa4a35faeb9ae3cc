"""Redshift's data types as PostgreSQL's."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.tokens import Group, Node, Token, is_mark, render, split, starts

MAX_VARCHAR = 65535
MAX_CHAR = 4096
DEFAULT_VARCHAR = 256
MAX_PRECISION = 38

_PLAIN = {
    *("SMALLINT", "INT2", "INTEGER", "INT", "INT4", "BIGINT", "INT8"),
    *("REAL", "FLOAT4", "FLOAT8", "BOOLEAN", "BOOL", "DATE", "INTERVAL"),
    *("OID", "REGCLASS", "REGTYPE", "REGPROC", "NAME", "RECORD", "REFCURSOR", "VOID", "ANYELEMENT"),
}
_TIMES = {"TIMESTAMP", "TIMESTAMPTZ", "TIME", "TIMETZ"}
_DECIMALS = {"DECIMAL", "NUMERIC", "DEC"}
_VARCHARS = {"VARCHAR", "NVARCHAR", "TEXT"}
_CHARS = {"CHAR", "CHARACTER", "NCHAR", "BPCHAR"}
_BINARIES = {"VARBYTE", "VARBINARY"}
_UNSERVED = {"HLLSKETCH", "GEOMETRY", "GEOGRAPHY"}
_FOREIGN = {
    *("JSON", "JSONB", "UUID", "BYTEA", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "MONEY", "XML", "INET", "CIDR"),
    *("MACADDR", "TSVECTOR", "TSQUERY", "BIT", "POINT", "LINE", "BOX", "PATH", "POLYGON", "CIRCLE", "HSTORE"),
    *("INT4RANGE", "INT8RANGE", "NUMRANGE", "TSRANGE", "TSTZRANGE", "DATERANGE", "CITEXT"),
}
# No words of PostgreSQL's grammar: a user's table of that name would be taken for the type.
_BARE = {
    *(
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "bool",
        "date",
        "oid",
        "regclass",
        "regtype",
        "regproc",
        "name",
    ),
    *("timestamptz", "timetz", "bytea", "jsonb"),
}
KNOWN = (
    _PLAIN
    | _TIMES
    | _DECIMALS
    | _VARCHARS
    | _CHARS
    | _BINARIES
    | _UNSERVED
    | _FOREIGN
    | {
        *("DOUBLE", "FLOAT", "SUPER", "BINARY", "NATIONAL"),
    }
)


def read_type(nodes: Sequence[Node], start: int, *, defaults: bool = True) -> tuple[str, int]:
    """The type that begins at an index, as PostgreSQL writes it, and the index behind it.

    Args:
        nodes: nodes of a statement.
        start: index of the type's first word.
        defaults: give VARCHAR and DECIMAL without a size Redshift's default size.

    Raises:
        Refused: no such type in Redshift, or none here.
    """
    text, end = _read(nodes, start, defaults)
    if text.lower() in _BARE:
        text = f"pg_catalog.{text.lower()}"
    following = nodes[end] if end < len(nodes) else None
    if isinstance(following, Group) and following.open == "[":
        raise not_in_redshift("An array type", "use SUPER")
    return text, end


def _read(nodes: Sequence[Node], start: int, defaults: bool) -> tuple[str, int]:
    first = nodes[start]
    if not isinstance(first, Token) or first.kind not in {"word", "quoted"}:
        raise Refused(f'syntax error at or near "{first.render().strip()}"', "42601")
    word, end = first.up, start + 1
    if first.kind == "quoted" or is_mark(nodes[end] if end < len(nodes) else None, "."):
        # a qualified name, such as pg_catalog.regclass in a client's catalog query
        while end < len(nodes) and (is_mark(nodes[end], ".") or is_mark(nodes[end - 1], ".")):
            end += 1
        return render(nodes[start:end]).strip(), end
    if word == "DOUBLE" and starts(nodes, "PRECISION", end):
        return "double precision", end + 1
    if word == "NATIONAL":
        word, end = nodes[end].up, end + 1
    varying = starts(nodes, "VARYING", end)
    if varying:
        end += 1
    if word in _UNSERVED:
        raise not_served(f"The type {word}")
    if word in _FOREIGN:
        raise not_in_redshift(f"The type {word}", "use SUPER" if word in {"JSON", "JSONB"} else "")
    if word in _VARCHARS or (word in _CHARS and varying):
        size, end = _size(nodes, end)
        return _varchar(size, defaults), end
    if word in _CHARS:
        size, end = _size(nodes, end)
        if size and int(size) > MAX_CHAR:
            raise Refused(f"length for type character cannot exceed {MAX_CHAR}", "22023")
        if not size:
            return ("char(256)" if word == "BPCHAR" else "char(1)") if defaults else "char", end
        return f"char({size})", end
    if word in _DECIMALS:
        group = nodes[end] if end < len(nodes) else None
        if not isinstance(group, Group):
            return "numeric(18, 0)" if defaults else "numeric", end
        sizes = [render(part).strip() for part in split(group.children)]
        if not 1 <= int(sizes[0]) <= MAX_PRECISION:
            raise Refused(f"DECIMAL precision {sizes[0]} must be between 1 and {MAX_PRECISION}", "22023")
        return f"numeric({', '.join(sizes)})", end + 1
    if word == "FLOAT":
        size, end = _size(nodes, end)
        return ("real" if size and int(size) <= 24 else "double precision"), end
    if word in _BINARIES or word == "BINARY":
        _, end = _size(nodes, end)
        return "bytea", end
    if word == "SUPER":
        return "jsonb", end
    if word in _TIMES:
        size, end = _size(nodes, end)
        text = first.text + (f"({size})" if size else "")
        for zone in ("WITH TIME ZONE", "WITHOUT TIME ZONE"):
            if starts(nodes, zone, end):
                return f"{text} {zone.lower()}", end + 3
        return text, end
    if word == "INTERVAL":
        while end < len(nodes) and nodes[end].up in {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TO"}:
            end += 1
        return render(nodes[start:end]).strip(), end
    return first.text, end


def _size(nodes: Sequence[Node], index: int) -> tuple[str, int]:
    group = nodes[index] if index < len(nodes) else None
    if isinstance(group, Group) and group.open == "(":
        return render(group.children).strip().upper(), index + 1
    return "", index


def _varchar(size: str, defaults: bool) -> str:
    if not size:
        return f"varchar({DEFAULT_VARCHAR})" if defaults else "varchar"
    if size == "MAX":
        return f"varchar({MAX_VARCHAR})"
    if int(size) > MAX_VARCHAR:
        raise Refused(f"length for type varchar cannot exceed {MAX_VARCHAR}", "22023")
    return f"varchar({size})"
