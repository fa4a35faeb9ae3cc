"""Function calls that a rewrite turns into PostgreSQL's terms.

A function that PostgreSQL can be taught by a definition is in ``shim/`` and is not mentioned here. What is here has
a form that no function can have: a date part as a bare word, arguments of any type, clauses inside the brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast

from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.tokens import (
    Group,
    Node,
    Token,
    find,
    inner,
    is_mark,
    quote_text,
    render,
    split,
    starts,
    string_value,
)
from redshift_local.types import read_type

Arguments = list[list[Node]]

_PARTS = {
    "millennium": "millennium millennia mil mils",
    "century": "century centuries c cent cents",
    "decade": "decade decades dec decs",
    "epoch": "epoch",
    "year": "year years y yr yrs",
    "quarter": "quarter quarters qtr qtrs",
    "month": "month months mon mons",
    "week": "week weeks w",
    "dow": "dayofweek dow dw weekday",
    "doy": "dayofyear doy dy yearday",
    "day": "day days d",
    "hour": "hour hours h hr hrs",
    "minute": "minute minutes m min mins",
    "second": "second seconds s sec secs",
    "millisecond": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
    "microsecond": "microsecond microseconds microsec microsecs usecond useconds us usec usecs",
    "timezone": "timezone",
    "timezone_hour": "timezone_hour",
    "timezone_minute": "timezone_minute",
}
_PART_BY_NAME = {name: part for part, names in _PARTS.items() for name in names.split()}
_NOT_A_LENGTH = {"epoch", "dow", "doy", "timezone", "timezone_hour", "timezone_minute"}
_DATE_PART_FIELDS = {"millisecond": "milliseconds", "microsecond": "microseconds"}
_ZONED = re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?\s*([+-]\d|[A-Za-z]{3,}|Z\b)")

# Functions of PostgreSQL that Redshift lacks (or has on the leader node only, where user tables cannot be read).
FOREIGN_FUNCTIONS = {
    "STRING_AGG": "use LISTAGG",
    "ARRAY_AGG": "",
    "JSON_AGG": "",
    "JSONB_AGG": "",
    "JSON_BUILD_OBJECT": "use OBJECT",
    "JSONB_BUILD_OBJECT": "use OBJECT",
    "TO_JSON": "",
    "TO_JSONB": "",
    "ROW_TO_JSON": "",
    "EVERY": "use BOOL_AND",
    "CORR": "",
    "COVAR_POP": "",
    "COVAR_SAMP": "",
    "REGR_SLOPE": "",
    "REGR_INTERCEPT": "",
    "GENERATE_SERIES": "use WITH RECURSIVE",
    "GENERATE_SUBSCRIPTS": "",
    "UNNEST": "",
    "CLOCK_TIMESTAMP": "use SYSDATE",
    "TRANSACTION_TIMESTAMP": "use SYSDATE",
    "STATEMENT_TIMESTAMP": "use GETDATE",
    "AGE": "use DATEDIFF",
    "MAKE_DATE": "use TO_DATE",
    "MAKE_TIMESTAMP": "use TO_TIMESTAMP",
    "MAKE_INTERVAL": "",
    "JUSTIFY_DAYS": "",
    "JUSTIFY_HOURS": "",
    "JUSTIFY_INTERVAL": "",
    "PG_SLEEP": "",
    "DIV": "",
    "WIDTH_BUCKET": "",
    "SETSEED": "",
    "FORMAT": "",
    "ENCODE": "",
    "OVERLAY": "",
    "REGEXP_MATCHES": "use REGEXP_SUBSTR",
    "REGEXP_MATCH": "use REGEXP_SUBSTR",
    "REGEXP_SPLIT_TO_ARRAY": "",
    "REGEXP_SPLIT_TO_TABLE": "",
    "REGEXP_LIKE": "use ~",
    "STRING_TO_ARRAY": "use SPLIT_TO_ARRAY",
    "ARRAY_LENGTH": "use GET_ARRAY_LENGTH",
    "ARRAY_TO_STRING": "",
    "CONCAT_WS": "use ||",
    "CONVERT_FROM": "",
    "CONVERT_TO": "",
    "GEN_RANDOM_UUID": "",
    "SHA256": "use SHA2",
    "SHA512": "use SHA2",
    "NEXTVAL": "",
    "CURRVAL": "",
    "SETVAL": "",
    "LASTVAL": "",
    "DATE_BIN": "",
    "STARTS_WITH": "",
    "TRIM_ARRAY": "",
    "PG_TRY_ADVISORY_LOCK": "",
    "PG_ADVISORY_LOCK": "",
    "PG_ADVISORY_XACT_LOCK": "",
    "NUM_NULLS": "",
    "GROUPING_ID": "",
    "MODE": "",
    "CUME_DIST_AGG": "",
    "JSONB_ARRAY_ELEMENTS": "",
    "JSON_ARRAY_ELEMENTS": "",
    "JSONB_EXTRACT_PATH_TEXT": "use JSON_EXTRACT_PATH_TEXT",
    "TIMEZONE_NAME": "",
}
UNSERVED_FUNCTIONS = {
    *("FNV_HASH", "FARMFINGERPRINT64", "FARMHASH64", "CHECKSUM", "MURMUR3_32_HASH", "STRTOL_UNSIGNED"),
    *("HLL", "HLL_CREATE_SKETCH", "HLL_CARDINALITY", "HLL_COMBINE", "HLL_COMBINE_SKETCHES"),
    *("SPLIT_TO_ARRAY", "GET_ARRAY_LENGTH", "ARRAY", "ARRAY_CONCAT", "ARRAY_FLATTEN", "SUBARRAY", "OBJECT"),
    *("OBJECT_TRANSFORM", "JSON_SIZE", "DECODE_BASE64", "SOUNDEX", "DIFFERENCE", "EXPLODE", "TEXT_TO_INT_ALT"),
    *("TEXT_TO_NUMERIC_ALT", "NTH_VALUE_IGNORE", "BIT_AND", "BIT_OR", "TIMEOFDAY", "INTERVAL_CMP", "TO_HEX"),
    *(
        "PG_LAST_QUERY_ID",
        "PG_LAST_UNLOAD_ID",
        "MURMUR3",
        "ENCRYPT",
        "TO_VARBYTE",
        "FROM_HEX",
        "FROM_VARBYTE",
    ),
}


def date_part(nodes: Sequence[Node]) -> str:
    """The date part that a word or a string names.

    Raises:
        Refused: there is no such part.
    """
    text = render(nodes).strip()
    token = nodes[0] if len(nodes) == 1 and isinstance(nodes[0], Token) else None
    if token is not None and token.kind == "string":
        text = string_value(token)
    elif token is not None and token.kind == "quoted":
        text = text[1:-1]
    part = _PART_BY_NAME.get(text.lower())
    if part is None:
        raise Refused(f'"{text}" is not a date part', "42601")
    return part


def _moment(nodes: Sequence[Node]) -> str:
    """An argument that is a moment; a bare literal is a timestamp, as Redshift reads it."""
    token = nodes[0] if len(nodes) == 1 and isinstance(nodes[0], Token) else None
    if token is not None and token.kind == "string":
        kind = "timestamptz" if _ZONED.search(token.text) else "timestamp"
        return f"cast({token.text} as {kind})"
    return inner(nodes)


def _want(name: str, arguments: Arguments, low: int, high: int | None = None) -> None:
    high = low if high is None else high
    if not low <= len(arguments) <= high:
        count = str(low) if low == high else f"{low} to {high}"
        raise Refused(f"function {name.lower()} takes {count} arguments, not {len(arguments)}", "42883")


def _dateadd(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 3)
    part = date_part(arguments[0])
    if part in _NOT_A_LENGTH:
        raise Refused(f'"{part}" is not a date part of DATEADD', "42601")
    return f"redshift_shim.dateadd_{part}({inner(arguments[1])}, {_moment(arguments[2])})"


def _datediff(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 3)
    part = date_part(arguments[0])
    if part in _NOT_A_LENGTH:
        raise Refused(f'"{part}" is not a date part of DATEDIFF', "42601")
    return f"redshift_shim.datediff_{part}({_moment(arguments[1])}, {_moment(arguments[2])})"


def _date_part(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 2)
    part = date_part(arguments[0])
    if part in {"microsecond", "millisecond", "decade"}:
        return f"redshift_shim.date_part_{part}({_moment(arguments[1])})"
    return f"pg_catalog.date_part('{part}', {_moment(arguments[1])})"


def _date_trunc(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 2)
    part = date_part(arguments[0])
    field = _DATE_PART_FIELDS.get(part, part)
    value = _moment(arguments[1])
    return f"date_trunc('{field}', {value})"


def _extract(_name: str, arguments: Arguments) -> str:
    nodes = [node for argument in arguments for node in argument]
    position = find(nodes, "FROM")
    if position < 1:
        raise Refused("syntax error in EXTRACT: it reads EXTRACT(part FROM value)", "42601")
    return f"redshift_shim.extract_{date_part(nodes[:position])}({_moment(nodes[position + 1 :])})"


def _nvl(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 2 if name == "ISNULL" else 1, 2 if name == "ISNULL" else 1000)
    return "coalesce(" + ", ".join(inner(argument) for argument in arguments) + ")"


def _nvl2(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 3)
    value, known, unknown = (inner(argument) for argument in arguments)
    return f"(case when ({value}) is not null then {known} else {unknown} end)"


def _decode(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 3, 1000)
    value = inner(arguments[0])
    texts = [inner(argument) for argument in arguments[1:]]
    default = f" else {texts.pop()}" if len(texts) % 2 else ""
    pairs = zip(texts[::2], texts[1::2], strict=True)
    whens = "".join(
        f" when ({value}) is not distinct from ({wanted}) then {result}" for wanted, result in pairs
    )
    return f"(case{whens}{default} end)"


def _concat(_name: str, arguments: Arguments) -> str:
    if len(arguments) != 2:
        raise not_in_redshift("CONCAT of other than two arguments", "use ||")
    return "redshift_shim.concat2(" + ", ".join(f"cast({inner(a)} as text)" for a in arguments) + ")"


def _cast(_name: str, arguments: Arguments) -> str:
    nodes = [node for argument in _rejoin(arguments) for node in argument]
    position = find(nodes, "AS")
    if position < 1:
        raise Refused("syntax error in CAST: it reads CAST(value AS type)", "42601")
    return _cast_text(inner(nodes[:position]), nodes[position + 1 :])


def _cast_text(value: str, type_nodes: Sequence[Node]) -> str:
    kind, end = read_type(type_nodes, 0)
    if end != len(type_nodes):
        raise Refused(f'syntax error at or near "{type_nodes[end].render().strip()}"', "42601")
    return f"cast({value} as {kind})"


def _convert(name: str, arguments: Arguments) -> str:
    # a type such as DECIMAL(10, 2) has its comma inside a group, so there are two arguments
    _want(name, arguments, 2)
    return _cast_text(inner(arguments[1]), arguments[0])


def _try_cast(_name: str, arguments: Arguments) -> str:
    nodes = [node for argument in _rejoin(arguments) for node in argument]
    position = find(nodes, "AS")
    kind, _ = read_type(nodes, position + 1)
    value = inner(nodes[:position])
    if kind.startswith("numeric"):
        raise not_served("TRY_CAST to DECIMAL", "it would have to know about overflow")
    # the test is inside, so that a constant that cannot be cast is not cast while the query is planned
    text = f"cast({value} as text)"
    return f"cast(case when pg_catalog.pg_input_is_valid({text}, '{kind}') then {text} end as {kind})"


def _of_moments(name: str, arguments: Arguments) -> str:
    """A function of dates: its bare literals are timestamps."""
    first = {"CONVERT_TIMEZONE": len(arguments) - 1}.get(name, 0)
    texts = [
        _moment(argument) if number >= first and not (name == "NEXT_DAY" and number) else inner(argument)
        for number, argument in enumerate(arguments)
    ]
    return f"redshift_shim.{name.lower()}({', '.join(texts)})"


def _regexp_replace(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 2, 5)
    if len(arguments) > 2 and re.search(r"\$\d|\\", render(arguments[2])):
        raise not_served("REGEXP_REPLACE with a reference to the match")
    texts = [inner(argument) for argument in arguments]
    if len(arguments) < 5:
        return f"redshift_shim.regexp_replace({', '.join(texts)})"
    flags = _flags(name, arguments[4])
    return f"redshift_shim.regexp_replace_with({', '.join(texts[:4])}, '{flags}')"


def _flags(name: str, nodes: Sequence[Node]) -> str:
    """Parameters of a regular expression function, which must be a literal."""
    token = nodes[0] if len(nodes) == 1 and isinstance(nodes[0], Token) else None
    if token is None or token.kind != "string" or set(string_value(token)) - set("ic"):
        raise not_served(f"{name} with the parameters {render(nodes).strip()}", "'i' and 'c' are")
    return string_value(token)


def _json_path(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 2, 7)
    last = render(arguments[-1]).strip().lower()
    quiet = last in {"true", "false"}
    texts = [inner(argument) for argument in (arguments[:-1] if quiet else arguments)]
    path = ", ".join(f"cast({text} as text)" for text in texts[1:])
    return f"redshift_shim.json_path({texts[0]}, {last if quiet else 'false'}, {path})"


def _split_part(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 3)
    if is_mark(arguments[2][0], "-"):
        raise Refused("field position must be greater than zero", "22023")
    return f"split_part({', '.join(inner(argument) for argument in arguments)})"


def _strtol(name: str, arguments: Arguments) -> str:
    """The first digits of an MD5 need no check that they are digits, which is nine tenths of what STRTOL costs."""
    _want(name, arguments, 2)
    text, base = (inner(argument) for argument in arguments)
    return f"redshift_shim.strtol({text}{'' if base == '16' and _is_md5_bigint(arguments[0]) else f', {base}'})"


def _is_md5_bigint(nodes: Sequence[Node]) -> bool:
    """Whether this is ``LEFT(MD5(…), n)`` with no more digits than a BIGINT holds."""
    call = _call(nodes, "LEFT")
    count = render(call[1]).strip() if len(call) == 2 else ""
    return count.isdigit() and 1 <= int(count) <= 15 and bool(_call(call[0], "MD5"))


def _call(nodes: Sequence[Node], name: str) -> Arguments:
    """Arguments of a call of this function, if that is all there is; else none."""
    called = len(nodes) == 2 and nodes[0].up == name and isinstance(nodes[1], Group)
    return split(cast(Group, nodes[1]).children) if called else []


def _now(name: str, _arguments: Arguments) -> str:
    raise not_in_redshift(f"{name}() on the compute nodes", "use GETDATE() or SYSDATE")


def _json_serialize(name: str, arguments: Arguments) -> str:
    _want(name, arguments, 1)
    return f"redshift_shim.compact_json({inner(arguments[0])})"


def _rejoin(arguments: Arguments) -> Arguments:
    """Arguments as one, commas kept."""
    nodes: list[Node] = []
    for number, argument in enumerate(arguments):
        if number:
            nodes.append(Token("mark", ","))
        nodes.extend(argument)
    return [nodes]


REWRITES: dict[str, Callable[[str, Arguments], str]] = {
    "DATEADD": _dateadd,
    "DATE_ADD": _dateadd,
    "DATEDIFF": _datediff,
    "DATE_DIFF": _datediff,
    "DATE_PART": _date_part,
    "PGDATE_PART": _date_part,
    "DATE_TRUNC": _date_trunc,
    "EXTRACT": _extract,
    "NVL": _nvl,
    "ISNULL": _nvl,
    "NVL2": _nvl2,
    "DECODE": _decode,
    "CONCAT": _concat,
    "CAST": _cast,
    "CONVERT": _convert,
    "TRY_CAST": _try_cast,
    "REGEXP_REPLACE": _regexp_replace,
    "SPLIT_PART": _split_part,
    "STRTOL": _strtol,
    **dict.fromkeys(("MONTHS_BETWEEN", "ADD_MONTHS", "LAST_DAY", "NEXT_DAY", "CONVERT_TIMEZONE"), _of_moments),
    "NOW": _now,
    "JSON_SERIALIZE": _json_serialize,
    "JSON_EXTRACT_PATH_TEXT": _json_path,
}

# Rewrites whose answer PostgreSQL names as Redshift does, or by its argument.
_NAMED_ALIKE = {"NVL", "ISNULL", "NVL2", "DECODE", "CAST", "CONVERT", "TRY_CAST"}
_COLUMN_NAMES = {
    **dict.fromkeys(("DATEADD", "DATE_ADD"), "date_add"),
    **dict.fromkeys(("DATEDIFF", "DATE_DIFF"), "date_diff"),
    **dict.fromkeys(("DATE_PART", "PGDATE_PART"), "pgdate_part"),
    "EXTRACT": "date_part",
}


def column_name(word: str) -> str:
    """Name of a column that a call makes; empty where PostgreSQL gives the same."""
    return "" if word in _NAMED_ALIKE else _COLUMN_NAMES.get(word, word.lower())


# Window functions that need an explicit frame as soon as they have an ORDER BY.
FRAMED = {
    *(
        "SUM",
        "AVG",
        "COUNT",
        "MIN",
        "MAX",
        "STDDEV",
        "STDDEV_POP",
        "STDDEV_SAMP",
        "VARIANCE",
        "VAR_POP",
        "VAR_SAMP",
    ),
    *("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "MEDIAN"),
}


def listagg(group: Group, within: Group | None, *, window: bool) -> str:
    """LISTAGG as STRING_AGG; its delimiter is empty by default."""
    nodes = group.children
    distinct = starts(nodes, "DISTINCT")
    arguments = split(nodes[1:] if distinct else nodes)
    _want("LISTAGG", arguments, 1, 2)
    delimiter = inner(arguments[1]) if len(arguments) == 2 else "''"
    argument = inner(arguments[0])
    value = f"cast({argument} as text)"
    known = f"filter (where {value} <> '')"  # nulls and empty strings are left out
    order = ""
    if within is not None:
        if window:
            raise not_served("LISTAGG … WITHIN GROUP … OVER")
        keys = split(within.children[2:])
        if distinct:
            if len(keys) != 1 or _sort_key(keys[0]) != render(arguments[0]).strip():
                raise not_served("LISTAGG(DISTINCT …) ordered by another expression")
            # texts would be in another order than numbers and dates
            values = f"array_agg(distinct {argument} order by {argument}{_direction(keys[0])}) {known}"
            return f"redshift_shim.listagg_limit(array_to_string({values}, {delimiter}))"
        order = " " + inner(within.children)
    word = "distinct " if distinct else ""
    call = f"string_agg({word}{value}, {delimiter}{order}) {known}"
    return call if window else f"redshift_shim.listagg_limit({call})"


def _direction(key: Sequence[Node]) -> str:
    words = [node.up for node in key]
    return " desc" if "DESC" in words else ""


def _sort_key(key: Sequence[Node]) -> str:
    return render([node for node in key if node.up not in {"ASC", "DESC"}]).strip()


def percentile(name: str, group: Group, within: Group) -> str:
    """PERCENTILE_CONT as an aggregate that keeps decimals and can be a window function."""
    keys = split(within.children[2:])
    if len(keys) != 1 or not starts(within.children, "ORDER BY"):
        raise Refused(f"{name} takes one ORDER BY expression", "42601")
    fraction = inner(group.children)
    descending = "true" if _direction(keys[0]) else "false"
    return f"redshift_shim.percentile_cont_of({_sort_key(keys[0])}, {fraction}, {descending})"


def literal(text: str) -> str:
    """A string literal."""
    return quote_text(text)
