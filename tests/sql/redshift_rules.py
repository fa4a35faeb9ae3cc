"""Finds what Amazon Redshift refuses or does otherwise than PostgreSQL, in SQL that PostgreSQL would run.

A test on the local warehouse proves that a file is right; this proves that it is Redshift's SQL. Rules are taken from
the Database Developer Guide; each has cases that break it and cases that do not in test_redshift_rules.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlglot
from redshift_index import function_rules
from redshift_types import place_rules, tree_rules, typed_rules
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ecommerce_dwh.warehouse.sql_text import leaves_transaction, split_statements, without_comments

# Reserved in Redshift, but not in PostgreSQL, so that only Redshift would complain of a table or column of that name.
_RESERVED_WORDS = """
aes128 aes256 allowoverwrite az64 backup binary blanksasnull bytedict bzip2 credentials current_user_id deflate defrag
delta delta32k disable emptyasnull enable encode encrypt encryption explicit globaldict256 globaldict64k gzip identity
ignore language lun luns lzo lzop minus mostly16 mostly32 mostly8 new nulls off offline oid old open parallel
partition percent permissions pivot qualify raw readratio recover rejectlog resort respect restore snapshot
sysdate system tag tdes text255 text32k timestamp top truncatecolumns type unnest unpivot wallet without
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

_TYPES = (
    r"\b(jsonb?|uuid|bytea|serial|bigserial|smallserial|money|inet|cidr|xml|hstore|tsvector|tsquery|citext|"
    r"int4range|int8range|numrange|tsrange|daterange|bit varying|name\[\]|text\[\]|integer\[\]|varchar\[\])\b"
)


@dataclass(frozen=True)
class Finding:
    """One broken rule."""

    rule: str
    statement: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.statement}"


def findings(text: str) -> list[Finding]:
    """Every rule that the statements of a (rendered) file break."""
    codes = [without_comments(statement) for statement in split_statements(text)]
    masked_codes = [mask_strings(code) for code in codes]
    found = [Finding(rule, " ".join(code.split())[:160]) for rule, code in place_rules(masked_codes)]
    for code in codes:
        masked = mask_strings(code)
        title = " ".join(code.split())[:160]
        found += [Finding(rule, title) for rule, breaks in PATTERNS.items() if breaks(masked)]
        found += [Finding(rule, title) for rule in _structural(code, masked)]
    found += [
        Finding(f"{command} commits the transaction that it runs in", "")
        for command in filter(None, map(leaves_transaction, split_statements(text)))
    ]
    return found


def mask_strings(code: str) -> str:
    """The code with the content of its strings blanked."""
    return re.sub(r"'(?:[^']|'')*'", "''", code)


def _has(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda code: compiled.search(code) is not None


PATTERNS: dict[str, Callable[[str], bool]] = {
    "CREATE TABLE AS takes no IF NOT EXISTS": _has(
        r"^\s*create\s+(temp\s+)?table\s+if\s+not\s+exists\s+[\w.]+\s+((dist|sort|compound)\w*\s*(\([^)]*\))?\s+)*as\b"
    ),
    "CREATE OR REPLACE TABLE is not supported": _has(r"^\s*create\s+or\s+replace\s+(temp\s+)?table\b"),
    "indexes do not exist": _has(r"\b(create|drop|alter)\s+(unique\s+)?index\b"),
    "a type that Redshift lacks": _has(_TYPES),
    "IS [NOT] DISTINCT FROM is not supported": _has(r"\bis\s+(not\s+)?distinct\s+from\b"),
    "only UNION [ALL] is documented; others discard duplicates by themselves": _has(
        r"\b(union|intersect|except|minus)\s+distinct\b|\b(intersect|except|minus)\s+all\b"
    ),
    "RETURNING is not supported": _has(r"\breturning\b"),
    "ON CONFLICT is not supported": _has(r"\bon\s+conflict\b"),
    "savepoints are not supported": _has(r"\bsavepoint\b"),
    "LATERAL is not supported": _has(r"\blateral\b"),
    "FILTER of an aggregate is not supported": _has(r"\)\s*filter\s*\(\s*where\b"),
    "WITHIN GROUP of more than LISTAGG and PERCENTILE_CONT": _has(
        r"\b(?!listagg|percentile_cont)\w+\s*\([^()]*\)\s*within\s+group\b"
    ),
    "WITH ORDINALITY, TABLESAMPLE, FETCH FIRST are not supported": _has(
        r"\bwith\s+ordinality\b|\btablesample\b|\bfetch\s+(first|next)\b"
    ),
    "named windows are not supported": _has(r"\bwindow\s+\w+\s+as\s*\("),
    "FOR UPDATE is not supported": _has(r"\bfor\s+(update|share)\b"),
    "CHECK and EXCLUDE constraints are not supported": _has(
        r"\bcreate\s+(temp\s+)?table\b.*\b(check|exclude)\s*\("
    ),
    "generated columns are not supported": _has(r"\bgenerated\s+always\b"),
    "triggers, rules, sequences, partitions, inheritance do not exist": _has(
        r"\bcreate\s+(or\s+replace\s+)?(trigger|rule|sequence|domain|type|extension)\b|\bpartition\s+of\b|\binherits\s*\("
    ),
    "ON COMMIT is not supported for temporary tables": _has(r"\bon\s+commit\s+(drop|delete|preserve)\b"),
    "ARRAY and ROW constructors are not supported": _has(r"\barray\s*\[|\brow\s*\("),
    "MERGE: the target takes no alias": _has(r"^\s*merge\s+into\s+[\w.]+\s+(as\s+)?(?!using\b)\w+\s+using\b"),
    "MERGE: WHEN takes no condition": _has(r"\bwhen\s+(not\s+)?matched\s+and\b|\bnot\s+matched\s+by\b"),
    "MERGE: exactly one WHEN MATCHED and one WHEN NOT MATCHED": lambda code: (
        bool(re.match(r"\s*merge\b", code, re.IGNORECASE))
        and not re.search(r"\bremove\s+duplicates\b", code, re.IGNORECASE)
        and [
            len(re.findall(pattern, code, re.IGNORECASE))
            for pattern in (r"\bwhen\s+matched\b", r"\bwhen\s+not\s+matched\b")
        ]
        != [1, 1]
    ),
    "MERGE: no WITH": _has(r"^\s*with\b.*\bmerge\s+into\b"),
    "a list of VALUES is no table": _has(r"\b(from|join|using)\s*\(\s*values\b|\bas\s*\(\s*values\b"),
    "INSERT names its columns": _has(r"^\s*insert\s+into\s+[\w.]+\s+(select|with|values)\b"),
    "COPY of Parquet takes few options": lambda code: (
        bool(re.match(r"\s*copy\b", code, re.IGNORECASE))
        and bool(re.search(r"\bparquet\b", code, re.IGNORECASE))
        and bool(
            re.search(
                r"\b(region|maxerror|acceptanydate|truncatecolumns|dateformat|timeformat|compupdate|noload|delimiter|"
                r"ignoreheader|blanksasnull|emptyasnull|null\s+as|gzip|bzip2|zstd|csv|json|escape|quote|encrypted|"
                r"readratio|ssh|fixedwidth|roundec|trimblanks|removequotes|ignoreblanklines)\b",
                code,
                re.IGNORECASE,
            )
        )
    ),
    "secrets do not belong into SQL": _has(r"\baccess_key_id\b|\bsecret_access_key\b|aws_secret"),
    "REFRESH MATERIALIZED VIEW is a transaction of its own": _has(r"\brefresh\s+materialized\s+view\b"),
    "materialized view: no ORDER BY, LIMIT or OFFSET": _has(
        r"\bcreate\s+materialized\s+view\b.*(\s(limit|offset)\s+\d|\border\s+by\s+[\w., ]+$)"
    ),
    "materialized view: AUTO REFRESH excludes the current date": _has(
        r"\bcreate\s+materialized\s+view\b.*\bauto\s+refresh\s+yes\b.*\b(current_date|getdate|sysdate)\b"
    ),
    "materialized view: no system tables, temporary tables or functions of the leader node": _has(
        r"\bcreate\s+materialized\s+view\b.*(\b(from|join)\s+(#|pg_|stl_|stv_|svl_|svv_|svcs_|sys_)|"
        r"\b(current_schemas?|has_\w+_privilege)\s*\()"
    ),
    "UPDATE and DELETE: no outer join with the target": _has(
        r"^\s*(update\b.*\bfrom|delete\s+from\b.*\busing)\b(?!.*\bselect\b).*\b(left|right|full)\s+(outer\s+)?join\b"
    ),
    "DELETE USING names tables, no subquery": _has(r"^\s*delete\s+from\s+[\w.]+\s+using\s*\("),
    "DELETE and UPDATE: a schema before the target's column is ambiguous": _has(
        r"^\s*(delete|update)\b.*\bwhere\b.*\b(staging|history|dimensions|facts|analytics|quality)\.\w+\.\w+"
    ),
    "timestamps with time zone hide the session's zone": _has(
        r"\btimestamptz\b|\bwith\s+time\s+zone\b|\bcurrent_timestamp\b"
    ),
    "NOT IN (subquery) is empty when the subquery holds a null": _has(r"\bnot\s+in\s*\(\s*select\b"),
}


def _structural(code: str, masked: str) -> Iterator[str]:
    for name in re.findall(r"[^\W\d]\w*", masked):
        if len(name.encode()) > 127:
            yield "identifiers hold at most 127 bytes"
    yield from function_rules(masked)
    if not re.match(
        r"\s*(select|with|insert|update|delete|create\s+temp\s+table|create\s+or\s+replace\s+view|merge)\b",
        masked,
        re.IGNORECASE,
    ):
        yield from _table_rules(masked)
        return
    try:
        tree = sqlglot.parse_one(_parseable(code), read="redshift")
    except SqlglotError as error:
        yield f"sqlglot cannot read it as Redshift's ({str(error).splitlines()[0]})"
        return
    # A view over SELECT * would be as bad; is_star looks through set operations.
    if (
        isinstance(tree, (exp.Insert, exp.Create))
        and isinstance(tree.expression, exp.Query)
        and tree.expression.is_star
    ):
        yield "SELECT * into a table binds it to the columns of another"
    yield from tree_rules(tree)
    yield from typed_rules(tree)
    yield from _windows(tree)
    yield from _correlation(tree)
    yield from _names(tree)
    yield from _group_by(tree)


def _parseable(code: str) -> str:
    """The code without distribution and sort keys, which sqlglot reads only in some places."""
    return re.sub(
        r"\b(compound\s+)?(distkey|sortkey)\s*\([^)]*\)|\bdiststyle\s+(all|even|key|auto)\b",
        "",
        code,
        flags=re.IGNORECASE,
    )


def _table_rules(code: str) -> Iterator[str]:
    body = re.match(
        r"\s*create\s+table\s+(?:if\s+not\s+exists\s+)?[\w.]+\s*\((.*)\)", code, re.IGNORECASE | re.DOTALL
    )
    if not body:
        return
    for line in body.group(1).splitlines():
        if not (found := re.match(r"\s*(\w+)\s+(\w+(?:\s*\([\d,\s]*\))?)", line)):
            continue
        name, kind = found.group(1).lower(), found.group(2).lower()
        if name in ("primary", "foreign", "unique", "constraint"):
            continue
        if name in RESERVED:
            yield f"{name} is reserved in Redshift"
        if kind == "text" or (kind == "varchar" and "varchar(" not in line):
            yield f"{name}: text without length holds 256 bytes"
        if (precision := re.match(r"(?:decimal|numeric)\s*\((\d+)", kind)) and int(precision.group(1)) > 38:
            yield f"{name}: decimals hold at most 38 digits"
        if (length := re.match(r"varchar\s*\((\d+)", kind)) and int(length.group(1)) > 65535:
            yield f"{name}: text holds at most 65535 bytes"
    if len(re.findall(r"\bdistkey\b", code, re.IGNORECASE)) > 1:
        yield "a table has one distribution key"


_FRAMELESS = (
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.PercentRank,
    exp.CumeDist,
    exp.Ntile,
    exp.Lag,
    exp.Lead,
)


def _windows(tree: exp.Expression) -> Iterator[str]:
    for window in tree.find_all(exp.Window):
        function, order, frame = window.this, window.args.get("order"), window.args.get("spec")
        name = function.sql_name().lower() if isinstance(function, exp.Func) else str(function)
        is_frameless = isinstance(function, _FRAMELESS)
        if order and not frame and not is_frameless:
            yield f"{name}() OVER (… ORDER BY …) needs a frame clause"
        if frame and is_frameless:
            yield f"{name}() takes no frame clause"
        if frame and str(frame.args.get("kind")).upper() == "RANGE":
            yield "frames are ROWS only"
        if any(isinstance(part, exp.Distinct) for part in function.find_all(exp.Distinct)):
            yield "DISTINCT is not supported in window aggregates"


def _correlation(tree: exp.Expression) -> Iterator[str]:
    """Correlated subqueries: only those of WHERE, one block deep, outside OR and joins, without windows or LIMIT."""
    for select in tree.find_all(exp.Select):
        outer = _sources_above(select)
        own = _sources(select)
        used = {column.table for column in select.find_all(exp.Column) if column.table}
        correlated = {name for name in used & outer if name not in own and not _defined_below(select, name)}
        if not correlated or (isinstance(tree, exp.Create) and select is tree.expression):
            continue
        place = select.find_ancestor(exp.Exists, exp.In, exp.Subquery)
        if place is None:
            continue
        if place.find_ancestor(exp.Or) and _same_query(place, place.find_ancestor(exp.Or)):
            yield "a correlated subquery within OR cannot be decorrelated"
        if place.find_ancestor(exp.Join):
            yield "a correlated subquery in a join's condition is not supported"
        if next(select.find_all(exp.Window), None):
            yield "a correlated subquery with a window function is not supported"
        if select.args.get("limit"):
            yield "a correlated subquery with LIMIT is not supported"
        nearest = select.parent_select
        if nearest is not None and not correlated <= _sources(nearest):
            yield "a correlated subquery may refer to the next query only"


def _same_query(node: exp.Expression, ancestor: exp.Expression | None) -> bool:
    return ancestor is not None and node.parent_select is ancestor.parent_select


def _sources(select: exp.Expression) -> set[str]:
    names: set[str] = set()
    parts = [select.args.get("from") or select.args.get("from_"), *select.args.get("joins", [])]
    for part in parts:
        if part is not None and part.this is not None:
            names.add(part.this.alias_or_name)
    if isinstance(select, (exp.Update, exp.Delete)):
        names.add(select.this.alias_or_name)
    return names - {""}


def _sources_above(select: exp.Expression) -> set[str]:
    names: set[str] = set()
    parent = select.parent
    while parent is not None:
        if isinstance(parent, (exp.Select, exp.Update, exp.Delete)):
            names |= _sources(parent)
        if isinstance(parent, exp.CTE):
            break
        parent = parent.parent
    return names


def _defined_below(select: exp.Expression, name: str) -> bool:
    return any(name in _sources(inner) for inner in select.find_all(exp.Select))


def _names(tree: exp.Expression) -> Iterator[str]:
    for kind in (exp.TableAlias, exp.Alias):
        for node in tree.find_all(kind):
            name = node.name if kind is exp.TableAlias else node.alias
            if name.lower() in RESERVED:
                yield f"{name} is reserved in Redshift"
    for table in tree.find_all(exp.Table):
        if table.name.lower() in RESERVED:
            yield f"{table.name} is reserved in Redshift"


def _group_by(tree: exp.Expression) -> Iterator[str]:
    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        if group is None:
            continue
        if any(
            subquery.parent_select is select
            for e in select.expressions
            for subquery in e.find_all(exp.Subquery)
        ):
            yield "a subquery in the select list of a grouped query"
