"""The source contracts: one ODCS file per source, read once and checked deeply.

A contract (``include/sources/<name>.yaml``, Open Data Contract Standard v3) is the only place that names a
source's columns, types, keys, PII, delivery, formats and quality rules. Staging and history tables, COPY column
lists, Spark schemas and casts, quality rules and the data dictionary all come from here. Pure Python without
Airflow; PyYAML is needed only by `load_contracts`, so that Glue can read the JSON form without a YAML parser.

Everything that can be wrong in a contract is refused on load, with file and line: a Spark job at 02:20 would be
the wrong place to learn about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ENGINE = "ecommerce-dwh"
LOAD_KINDS = ("snapshot", "changes", "append")
HISTORIES = ("scd2", "latest")
DELIVERIES = ("required", "optional")
# What history.pending_key queues besides the sources' merge entities; agg_* are the aggregates.
OWN_ENTITIES = ("customer", "product", "sales_order", "web_event", "inventory")
SEVERITIES = ("error", "warning")
# A column of this name carries the person's key in every source; one of another name says so by `personKey`.
PERSON_KEY = "customer_id"
# What a personal column holds, where values of it help to tell one person from another.
PERSON_VALUES = ("email", "phone", "given_name", "family_name", "full_name", "birth_date", "address")

# ODCS knows seven dimensions; reports speak in the words of the quality page.
_DIMENSIONS = {
    "accuracy": "validity",
    "completeness": "completeness",
    "conformity": "validity",
    "consistency": "consistency",
    "coverage": "volume",
    "timeliness": "freshness",
    "uniqueness": "uniqueness",
}

# Rule kinds: (arguments that must be there, arguments that may be there).
RULE_KINDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "not_null": (frozenset({"column"}), frozenset()),
    "unique": (frozenset({"columns"}), frozenset()),
    "accepted_values": (frozenset({"column", "values"}), frozenset()),
    "range": (frozenset({"column"}), frozenset({"minimum", "maximum"})),
    "pattern": (frozenset({"column", "pattern"}), frozenset()),
    "max_length": (frozenset({"column", "length"}), frozenset()),
    "expression": (frozenset({"expression"}), frozenset({"columns"})),
    "row_count": (frozenset({"minimum"}), frozenset()),
    "quarantine_ratio": (frozenset(), frozenset({"minimum_rows"})),
    "referential": (frozenset({"column", "to_source", "to_column"}), frozenset()),
    "history": (
        frozenset({"metric"}),
        frozenset({"column", "max_z", "tolerance", "days", "minimum_days", "weekday"}),
    ),
}
# What a rule of kind ``history`` compares with the days before: argument defaults by metric.
HISTORY_METRICS: dict[str, dict[str, Any]] = {
    "rows": {"tolerance": 0.2},
    "null_ratio": {"tolerance": 0.02},
    "mean": {"tolerance": 0.1},
    "sum": {"tolerance": 0.2},
}
HISTORY_DEFAULTS: dict[str, Any] = {"max_z": 5, "days": 28, "minimum_days": 14, "weekday": True}

_TYPE = re.compile(r"(varchar)\((\d+)\)|(decimal)\((\d+),\s*(\d+)\)|(integer|bigint|date|timestamp|boolean)")
_LOGICAL = {
    "varchar": "string",
    "decimal": "number",
    "integer": "integer",
    "bigint": "integer",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Columns that processing adds to every accepted row.
_SERVICE_COLUMNS = {
    "delivery_date": "date",
    "version_at": "timestamp",
    "row_hash": "varchar(32)",
    "source_file": "varchar(1024)",
    "source_line": "bigint",
    "run_id": "varchar(250)",
}
_NUMBERS = ("decimal", "integer", "bigint")
_DATE_TOKENS = re.compile(r"'[^']*'|y+|M+|d+|H+|h+|m+|s+|S+|a|X+|[^A-Za-z']")
_DATE_LETTERS = {
    "yyyy",
    "M",
    "MM",
    "MMM",
    "d",
    "dd",
    "H",
    "HH",
    "h",
    "hh",
    "m",
    "mm",
    "s",
    "ss",
    "a",
    "X",
    "XXX",
}

# A name of a query parameter; "*" alone would keep them all.
_URL_PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,64}\*?")


class ContractError(ValueError):
    """A contract that cannot be used; the message names file, line, and what to mend."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        name: lower-case column name; file headers match it ignoring case and surrounding blanks.
        type: Redshift type, ``varchar(n)`` (n counts bytes), ``integer``, ``bigint``, ``decimal(p,s)``,
            ``date``, ``timestamp`` or ``boolean``.
        required: a null value sends the row to quarantine, and a file without the column fails the day.
        pii: personal data; masked in samples and logs, granted to ``dwh_pii_reader`` only.
        description: for the data dictionary.
        formats: date patterns accepted beside ISO 8601, as ``M/d/yyyy``; nothing is guessed.
        minimum: smallest value allowed; a smaller one sends the row to quarantine.
        lower: text is folded to lower case.
        synonyms: pairs (spelling, replacement), applied after trimming and folding.
        derivation: for derived columns, how the value comes about: ``raw:<column>`` or ``session_derived``.
        url_parameters: the text is a URL; names of the query parameters that processing keeps, ``*`` at the end of one
            for any ending. User part, fragment, other parameters and personal segments of the path go. None for texts
            that are no URLs.
        person_key: the column carries the key of the person whom the row is about.
        person_value: of personal data, one of `PERSON_VALUES`; empty where many people have the value.
    """

    name: str
    type: str
    required: bool = False
    pii: bool = False
    description: str = ""
    formats: tuple[str, ...] = ()
    minimum: str | None = None
    lower: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()
    derivation: str = ""
    url_parameters: tuple[str, ...] | None = None
    person_key: bool = False
    person_value: str = ""

    @property
    def base_type(self) -> str:
        """Type without length: ``varchar``, ``decimal``, ``integer`` …"""
        return self.type.split("(")[0]

    @property
    def length(self) -> int | None:
        """Byte length of a ``varchar``, else None."""
        return int(self.type[8:-1]) if self.base_type == "varchar" else None


@dataclass(frozen=True)
class Rule:
    """One quality rule.

    Attributes:
        name: unique within the source.
        dimension: completeness, uniqueness, validity, consistency, referential integrity, freshness, volume, drift.
        severity: ``error`` closes the gate, ``warning`` is shown.
        kind: one of `RULE_KINDS`.
        columns: the columns that the rule looks at.
        arguments: the kind's other arguments.
        threshold: greatest share of failing rows (0…1; of days, for kind ``history``) with which the rule still
            passes.
        description: one sentence for the report's reader.
    """

    name: str
    dimension: str
    severity: str
    kind: str
    columns: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = 0.0
    description: str = ""

    @property
    def column(self) -> str:
        """The rule's only column; empty for rules on several or none."""
        return self.columns[0] if len(self.columns) == 1 else ""


@dataclass(frozen=True)
class Sessions:
    """How events without a session id are grouped: a new session after a gap, per customer or client."""

    session_column: str
    customer_column: str
    time_column: str
    client_columns: tuple[str, ...]
    gap_minutes: int


@dataclass(frozen=True)
class Extract:
    """Where the shop's operational database keeps a source.

    Attributes:
        table: ``schema.table`` (or view) with the contract's columns.
        watermark: its column that the shop sets to the current moment whenever it writes a row.
    """

    table: str
    watermark: str


@dataclass(frozen=True)
class SourceContract:
    """What a source promises.

    Attributes:
        name: source, folder in the raw bucket and stem of its tables.
        version: version of the contract.
        description: what a row is.
        key: name of the natural key column.
        columns: the contract's columns in order.
        derived_columns: columns that processing adds behind them.
        load_kind: ``snapshot`` (full or changes), ``changes`` or ``append``.
        history: ``scd2`` keeps every version, ``latest`` the newest.
        delivery: ``required`` sources must bring a file or declare an empty day.
        rules: quality rules.
        version_column: column that orders versions of a key; empty: the delivery date does.
        amount: column whose sum the ledger accounts for, and the two factors that replace it where empty.
        merge_entity: name under which the keys of replaced slices are queued for the merge that the source feeds;
            empty: it feeds none, or ``replace_slices.sql`` has queries of its own for it.
        distribution_column: column by which Redshift spreads the history table.
        sessions: sessionisation, for event sources.
        owner: owning team.
        freshness_hours: hours after the end of a day by which its data is due.
        extract: where `ecommerce_dwh_ingest` takes the source from; None: others deliver its files.
    """

    name: str
    version: str
    description: str
    key: str
    columns: tuple[Column, ...]
    derived_columns: tuple[Column, ...] = ()
    load_kind: str = "changes"
    history: str = "latest"
    delivery: str = "optional"
    rules: tuple[Rule, ...] = ()
    version_column: str = ""
    amount: tuple[str, ...] = ()
    merge_entity: str = ""
    distribution_column: str = ""
    sessions: Sessions | None = None
    owner: str = ""
    freshness_hours: int = 24
    extract: Extract | None = None

    @property
    def accepted_columns(self) -> tuple[Column, ...]:
        """All columns of an accepted row, in the order of Parquet files, staging and history tables."""
        return (
            Column(
                "delivery_date", "date", True, description="Day of the raw folder (dt) that brought the row"
            ),
            *self.columns,
            *self.derived_columns,
            Column(
                "version_at", "timestamp", True, description="Version: updated_at, else delivery_date 00:00"
            ),
            Column(
                "row_hash", "varchar(32)", True, description="md5 over the content without key and updated_at"
            ),
            Column("source_file", "varchar(1024)", True, description="Key of the file within the raw bucket"),
            Column(
                "source_line", "bigint", True, description="1-based line in the file; row number for Parquet"
            ),
            Column("run_id", "varchar(250)", True, description="Run that processed the row"),
        )

    @property
    def person_key(self) -> str:
        """Name of the column that carries the person's key; empty for sources that are about nobody."""
        return next((column.name for column in self.columns if column.person_key), "")

    @property
    def is_of_persons(self) -> bool:
        """Whether a row is a person: the person's key is the key of the source."""
        return self.person_key == self.key

    @property
    def personal_columns(self) -> tuple[Column, ...]:
        """Columns that an erasure empties in the person's rows: personal data without keys and amounts."""
        kept = {self.key, self.person_key, self.version_column, *self.amount}
        return tuple(column for column in self.columns if column.pii and column.name not in kept)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Names of the columns that every file must have."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the contract has no such column.
        """
        for column in (*self.columns, *self.derived_columns):
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


# --- loading ---


class _Document:
    """A YAML document as plain values, with the line of every node for error messages."""

    def __init__(self, path: Path) -> None:
        import yaml  # late import: Glue reads the JSON form and has no YAML parser

        self.path = path
        self.lines: dict[tuple[str | int, ...], int] = {}
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            raise ContractError(
                f"{path.name}:{line}: not valid YAML: {getattr(error, 'problem', error)}"
            ) from None
        except UnicodeDecodeError:
            raise ContractError(f"{path.name}:1: not UTF-8 text") from None
        self._constructor = yaml.SafeLoader("")
        self.root = self._value(node, ()) if node is not None else None

    def _value(self, node: Any, path: tuple[str | int, ...]) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if node.id == "mapping":
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                if key in result:
                    raise ContractError(
                        f"{self.path.name}:{key_node.start_mark.line + 1}: '{key}' is given twice"
                    )
                result[key] = self._value(value_node, (*path, key))
                self.lines[(*path, key)] = key_node.start_mark.line + 1
            return result
        if node.id == "sequence":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._constructor.construct_object(node)

    def error(self, path: tuple[str | int, ...], message: str) -> ContractError:
        while path and path not in self.lines:
            path = path[:-1]
        return ContractError(f"{self.path.name}:{self.lines.get(path, 1)}: {message}")


def _custom(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        item["property"]: item.get("value") for item in node.get("customProperties") or [] if "property" in item
    }


class _Reader:
    """Turns one document into a `SourceContract`, refusing whatever cannot work."""

    def __init__(self, document: _Document) -> None:
        self.document = document
        self.rule_paths: dict[str, tuple[str | int, ...]] = {}

    def fail(self, path: Iterable[str | int], message: str) -> ContractError:
        return self.document.error(tuple(path), message)

    def read(self) -> SourceContract:
        root = self.document.root
        if not isinstance(root, dict):
            raise self.fail((), "expected a mapping at the top of an ODCS data contract")
        if root.get("kind") != "DataContract" or not str(root.get("apiVersion", "")).startswith("v3."):
            raise self.fail(("apiVersion",), "expected 'kind: DataContract' and 'apiVersion: v3.x'")
        name = str(root.get("name", ""))
        if not _IDENTIFIER.fullmatch(name):
            raise self.fail(("name",), f"name {name!r} must be a lower-case identifier")
        if name != self.document.path.stem:
            raise self.fail(
                ("name",), f"name '{name}' differs from the file's name '{self.document.path.stem}'"
            )
        schema = root.get("schema")
        if not isinstance(schema, list) or len(schema) != 1:
            raise self.fail(("schema",), "a contract describes exactly one table in 'schema'")
        table, base = schema[0], ("schema", 0)
        columns = tuple(
            self.column(item, (*base, "properties", index))
            for index, item in enumerate(table.get("properties") or [])
        )
        if not columns:
            raise self.fail((*base, "properties"), "the table has no properties (columns)")
        custom = _custom(root)
        unknown = set(custom) - {
            "loadKind",
            "history",
            "delivery",
            "versionColumn",
            "amount",
            "distributionColumn",
            "sessions",
            "derivedColumns",
            "extract",
            "mergeEntity",
        }
        if unknown:
            raise self.fail(("customProperties",), f"unknown customProperties: {', '.join(sorted(unknown))}")
        derived = tuple(
            self.derived(item, columns, ("customProperties",)) for item in custom.get("derivedColumns") or []
        )
        self.check_names(columns, derived, base)
        persons = [column.name for column in columns if column.person_key]
        if len(persons) > 1:
            raise self.fail(
                (*base, "properties"),
                f"a row is about one person, but {' and '.join(persons)} both carry a personKey",
            )
        key = self.key(table, columns, base)
        names = {column.name for column in (*columns, *derived)}
        contract = SourceContract(
            name=name,
            version=str(root.get("version", "")),
            description=str((root.get("description") or {}).get("purpose", "")).strip(),
            key=key,
            columns=columns,
            derived_columns=derived,
            load_kind=self.choice(custom, "loadKind", LOAD_KINDS),
            history=self.choice(custom, "history", HISTORIES),
            delivery=self.choice(custom, "delivery", DELIVERIES),
            rules=self.rules(table, {c.name: c for c in (*columns, *derived)}, base),
            version_column=self.named(custom, "versionColumn", names, ""),
            amount=self.amount(custom, {c.name: c for c in columns}),
            merge_entity=self.merge_entity(custom),
            distribution_column=self.named(custom, "distributionColumn", names, key),
            sessions=self.sessions(custom, names),
            owner=self.owner(root),
            freshness_hours=self.freshness(root),
            extract=self.extract(custom),
        )
        if contract.version_column and contract.column(contract.version_column).base_type != "timestamp":
            raise self.fail(
                ("customProperties",), f"versionColumn '{contract.version_column}' is not a timestamp"
            )
        if not contract.version:
            raise self.fail((), "the contract has no version")
        return contract

    def choice(self, custom: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
        value = custom.get(name)
        if value not in choices:
            raise self.fail(("customProperties",), f"{name} is {value!r}; use one of {', '.join(choices)}")
        return str(value)

    def merge_entity(self, custom: Mapping[str, Any]) -> str:
        name = str(custom.get("mergeEntity", ""))
        if name and (not _IDENTIFIER.fullmatch(name) or name in OWN_ENTITIES or name.startswith("agg_")):
            raise self.fail(
                ("customProperties",),
                f"mergeEntity '{name}' must be a lower-case identifier that nobody else uses",
            )
        return name

    def extract(self, custom: Mapping[str, Any]) -> Extract | None:
        value = custom.get("extract")
        if value is None:
            return None
        table, watermark = (str(value.get(name, "")) for name in ("table", "watermark"))
        parts = table.split(".")
        if len(parts) != 2 or not all(_IDENTIFIER.fullmatch(part) for part in (*parts, watermark)):
            raise self.fail(
                ("customProperties",),
                "extract needs 'table' (schema.table) and 'watermark', lower-case identifiers",
            )
        return Extract(table, watermark)

    def named(self, custom: Mapping[str, Any], name: str, names: set[str], default: str) -> str:
        value = str(custom.get(name) or default)
        if value and value not in names:
            raise self.fail(
                ("customProperties",), f"{name} names column '{value}', which the contract does not have"
            )
        return value

    def type(self, item: Mapping[str, Any], path: tuple[str | int, ...]) -> str:
        text = str(item.get("physicalType", "")).replace(" ", "").lower()
        match = _TYPE.fullmatch(text)
        if not match:
            raise self.fail(
                (*path, "physicalType"),
                f"column '{item.get('name')}': unknown physicalType {item.get('physicalType')!r}; "
                "use varchar(n), integer, bigint, decimal(p,s), date, timestamp or boolean",
            )
        if match[1] and not 1 <= int(match[2]) <= 65535:
            raise self.fail(
                (*path, "physicalType"), f"column '{item.get('name')}': varchar length is 1…65535 bytes"
            )
        if match[3] and not (1 <= int(match[4]) <= 38 and 0 <= int(match[5]) <= int(match[4])):
            raise self.fail((*path, "physicalType"), f"column '{item.get('name')}': impossible {text}")
        return text

    def column(self, item: Any, path: tuple[str | int, ...]) -> Column:
        if not isinstance(item, dict) or not item.get("name"):
            raise self.fail(path, "a column needs a name")
        name, kind = str(item["name"]), self.type(item, path)
        base = kind.split("(")[0]
        if item.get("logicalType") != _LOGICAL[base]:
            raise self.fail(
                (*path, "logicalType"),
                f"column '{name}': logicalType {item.get('logicalType')!r} does not fit {kind}; "
                f"use {_LOGICAL[base]}",
            )
        custom = _custom(item)
        known = {"dateFormats", "lowerCase", "synonyms", "urlParameters", "personKey", "personValue"}
        unknown = set(custom) - known
        if unknown:
            raise self.fail(
                (*path, "customProperties"), f"column '{name}': unknown customProperties {sorted(unknown)}"
            )
        formats = tuple(str(value) for value in custom.get("dateFormats") or [])
        if formats and base not in ("date", "timestamp"):
            raise self.fail((*path, "customProperties"), f"column '{name}': dateFormats on a {kind}")
        self.check_formats(name, formats, (*path, "customProperties"))
        lower, synonyms = bool(custom.get("lowerCase", False)), custom.get("synonyms") or {}
        if (lower or synonyms) and base != "varchar":
            raise self.fail(
                (*path, "customProperties"), f"column '{name}': lowerCase and synonyms are for text"
            )
        person_key, person_value = self.person(item, name, base, custom, (*path, "customProperties"))
        minimum = (item.get("logicalTypeOptions") or {}).get("minimum")
        if minimum is not None and base not in _NUMBERS:
            raise self.fail((*path, "logicalTypeOptions"), f"column '{name}': minimum is for numbers")
        return Column(
            name=name,
            type=kind,
            required=bool(item.get("required", False) or item.get("primaryKey", False)),
            pii="pii" in (item.get("tags") or []),
            description=str(item.get("description", "")).strip(),
            formats=formats,
            minimum=None if minimum is None else str(minimum),
            lower=lower,
            synonyms=tuple((str(key), str(value)) for key, value in synonyms.items()),
            url_parameters=self.url_parameters(name, custom.get("urlParameters"), base, path),
            person_key=person_key,
            person_value=person_value,
        )

    def url_parameters(
        self, name: str, value: Any, base: str, path: tuple[str | int, ...]
    ) -> tuple[str, ...] | None:
        if value is None:
            return None
        path = (*path, "customProperties")
        if base != "varchar":
            raise self.fail(path, f"column '{name}': urlParameters is for text")
        if not isinstance(value, list) or not all(
            isinstance(each, str) and _URL_PARAMETER.fullmatch(each) for each in value
        ):
            raise self.fail(
                path,
                f"column '{name}': urlParameters is {value!r}; list names of parameters to keep, such as "
                "[page, utm_*], or give [] to keep none",
            )
        return tuple(value)

    def person(
        self,
        item: Mapping[str, Any],
        name: str,
        base: str,
        custom: Mapping[str, Any],
        path: tuple[str | int, ...],
    ) -> tuple[bool, str]:
        """Whether a column carries the person's key, and which kind of personal value it holds."""
        is_personal = "pii" in (item.get("tags") or [])
        key = bool(custom.get("personKey", name == PERSON_KEY))
        # A personal date without a word about it is the date on which the person was born.
        value = str(custom.get("personValue", "birth_date" if is_personal and base == "date" else ""))
        if key and base != "varchar":
            raise self.fail(path, f"column '{name}': the person's key must be text, as every key is")
        if value and value not in PERSON_VALUES:
            raise self.fail(
                path, f"column '{name}': personValue '{value}' is not one of {', '.join(PERSON_VALUES)}"
            )
        if value and not is_personal:
            raise self.fail(path, f"column '{name}': personValue is for columns that are tagged pii")
        return key, value

    def check_formats(self, name: str, formats: tuple[str, ...], path: tuple[str | int, ...]) -> None:
        shapes: dict[str, str] = {}
        for text in formats:
            tokens = _DATE_TOKENS.findall(text)
            letters = [token for token in tokens if token[0].isalpha()]
            good = "".join(tokens) == text and all(
                token in _DATE_LETTERS or set(token) == {"S"} for token in letters
            )
            if not good or not {"y", "M", "d"} <= {token[0] for token in letters}:
                raise self.fail(
                    path,
                    f"column '{name}': date format '{text}' cannot be used; write it like M/d/yyyy "
                    "or dd.MM.yyyy HH:mm",
                )
            # Month and day of the same shape in two orders would read one text as two dates: a guess.
            shape = re.sub(r"[Md]+", "#", text)
            order = re.sub(r"[^Md]", "", re.sub(r"(M|d)+?(?=\1)", "", text))
            if shapes.setdefault(shape, order) != order:
                raise self.fail(
                    path, f"column '{name}': date formats contradict each other about day and month"
                )

    def derived(self, item: Any, columns: tuple[Column, ...], path: tuple[str | int, ...]) -> Column:
        if not isinstance(item, dict) or not item.get("name"):
            raise self.fail(path, "a derived column needs a name")
        derivation = str(item.get("derivation", ""))
        known = {f"raw:{column.name}" for column in columns if column.base_type == "varchar"} | {
            "session_derived"
        }
        if derivation not in known:
            raise self.fail(
                path,
                f"derived column '{item['name']}': derivation {derivation!r} is not raw:<text column> "
                "or session_derived",
            )
        return Column(
            name=str(item["name"]),
            type=self.type(item, path),
            description=str(item.get("description", "")).strip(),
            derivation=derivation,
        )

    def check_names(
        self, columns: tuple[Column, ...], derived: tuple[Column, ...], base: tuple[str | int, ...]
    ) -> None:
        seen: set[str] = set(_SERVICE_COLUMNS)
        for index, column in enumerate((*columns, *derived)):
            path = (*base, "properties", index, "name")
            if not _IDENTIFIER.fullmatch(column.name):
                raise self.fail(path, f"column name {column.name!r} must be a lower-case identifier")
            if column.name in seen:
                why = "is reserved" if column.name in _SERVICE_COLUMNS else "is given twice"
                raise self.fail(path, f"column '{column.name}' {why}")
            seen.add(column.name)

    def key(self, table: Mapping[str, Any], columns: tuple[Column, ...], base: tuple[str | int, ...]) -> str:
        keys = [str(item["name"]) for item in table["properties"] if item.get("primaryKey")]
        if len(keys) != 1:
            raise self.fail((*base, "properties"), f"exactly one column must be primaryKey, found {len(keys)}")
        column = next(column for column in columns if column.name == keys[0])
        if column.base_type != "varchar":
            raise self.fail(
                (*base, "properties"), f"key '{column.name}' must be text (natural keys stay as delivered)"
            )
        return column.name

    def amount(self, custom: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[str, ...]:
        value = custom.get("amount")
        if not value:
            return ()
        names = (str(value.get("column", "")), *(str(name) for name in value.get("orProductOf") or []))
        if len(names) not in (1, 3):
            raise self.fail(
                ("customProperties",), "amount needs 'column' and, optionally, two names in 'orProductOf'"
            )
        for name in names:
            if name not in columns or columns[name].base_type not in _NUMBERS:
                raise self.fail(("customProperties",), f"amount names '{name}', which is not a numeric column")
        return names

    def sessions(self, custom: Mapping[str, Any], names: set[str]) -> Sessions | None:
        value = custom.get("sessions")
        if not value:
            return None
        try:
            result = Sessions(
                session_column=str(value["sessionColumn"]),
                customer_column=str(value["customerColumn"]),
                time_column=str(value["timeColumn"]),
                client_columns=tuple(str(name) for name in value["clientColumns"]),
                gap_minutes=int(value["gapMinutes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self.fail(("customProperties",), f"sessions is incomplete: {error}") from None
        for name in (result.session_column, result.customer_column, result.time_column, *result.client_columns):
            if name not in names:
                raise self.fail(("customProperties",), f"sessions names column '{name}', which does not exist")
        if result.gap_minutes < 1:
            raise self.fail(("customProperties",), "sessions: gapMinutes must be 1 or more")
        return result

    def owner(self, root: Mapping[str, Any]) -> str:
        team = root.get("team")
        if isinstance(team, dict):
            return str(team.get("name", ""))
        return str(team[0].get("username", "")) if team else ""

    def freshness(self, root: Mapping[str, Any]) -> int:
        for index, item in enumerate(root.get("slaProperties") or []):
            if item.get("property") == "latency":
                unit = {"h": 1, "hours": 1, "d": 24, "days": 24}.get(str(item.get("unit", "h")))
                if unit is None or not isinstance(item.get("value"), int) or item["value"] < 1:
                    raise self.fail(("slaProperties", index), "latency needs a whole value and unit h or d")
                return int(item["value"]) * unit
        return 24

    def rules(
        self, table: Mapping[str, Any], columns: Mapping[str, Column], base: tuple[str | int, ...]
    ) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for index, item in enumerate(table.get("quality") or []):
            rules.append(self.rule(item, columns, (*base, "quality", index)))
        for position, column in enumerate(table.get("properties") or []):
            for index, item in enumerate(column.get("quality") or []):
                path = (*base, "properties", position, "quality", index)
                rules.append(self.rule(item, columns, path, str(column["name"])))
        return tuple(rules)

    def rule(
        self, item: Any, columns: Mapping[str, Column], path: tuple[str | int, ...], own_column: str = ""
    ) -> Rule:
        name = str(item.get("name", "")) if isinstance(item, dict) else ""
        if not _IDENTIFIER.fullmatch(name):
            raise self.fail(path, f"rule name {name!r} must be a lower-case identifier")
        if name in self.rule_paths:
            raise self.fail(path, f"two rules are named '{name}'")
        self.rule_paths[name] = path
        if item.get("type") != "custom" or item.get("engine") != ENGINE:
            raise self.fail(path, f"rule '{name}': expected 'type: custom' and 'engine: {ENGINE}'")
        how = dict(item.get("implementation") or {})
        kind = how.pop("kind", None)
        if kind not in RULE_KINDS:
            raise self.fail(
                (*path, "implementation", "kind"),
                f"rule '{name}': kind {kind!r} is not one of {', '.join(RULE_KINDS)}",
            )
        threshold = how.pop("threshold", 0.0)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise self.fail(
                (*path, "implementation", "threshold"),
                f"rule '{name}': threshold {threshold!r} is impossible; it is a share of rows, 0 to 1",
            )
        must, may = RULE_KINDS[kind]
        if own_column and ("column" in must or (kind == "history" and how.get("metric") != "rows")):
            how.setdefault("column", own_column)
        missing, unknown = must - set(how), set(how) - must - may
        if missing or unknown:
            what = (
                f"lacks {', '.join(sorted(missing))}"
                if missing
                else f"has unknown {', '.join(sorted(unknown))}"
            )
            raise self.fail((*path, "implementation"), f"rule '{name}' ({kind}) {what}")
        many = how.pop("columns", None) or []
        if not isinstance(many, list):
            raise self.fail((*path, "implementation", "columns"), f"rule '{name}': columns must be a list")
        used, argument = tuple(str(column) for column in many), "columns"
        if "column" in how:
            used, argument = (str(how.pop("column")),), "column"
        for column in used:
            if column not in columns and column not in _SERVICE_COLUMNS:
                raise self.fail(
                    (*path, "implementation", argument),
                    f"rule '{name}' names column '{column}', which the contract does not have",
                )
        self.check_arguments(name, kind, how, columns, used, (*path, "implementation"))
        if kind == "history":
            how = {**HISTORY_DEFAULTS, **HISTORY_METRICS[how["metric"]], **how}
        severity = item.get("severity")
        if severity not in SEVERITIES:
            raise self.fail(path, f"rule '{name}': severity {severity!r} is not error or warning")
        dimension = item.get("dimension")
        if dimension not in _DIMENSIONS:
            raise self.fail(
                path, f"rule '{name}': dimension {dimension!r} is not one of {', '.join(_DIMENSIONS)}"
            )
        # Two dimensions have no word in ODCS; the kind of the rule tells.
        if kind == "referential":
            shown = "referential integrity"
        elif kind == "history":
            shown = "volume" if how["metric"] == "rows" else "drift"
        else:
            shown = _DIMENSIONS[dimension]
        return Rule(
            name=name,
            dimension=shown,
            severity=str(severity),
            kind=kind,
            columns=used,
            arguments=how,
            threshold=float(threshold),
            description=str(item.get("description", "")).strip(),
        )

    def check_arguments(
        self,
        name: str,
        kind: str,
        how: Mapping[str, Any],
        columns: Mapping[str, Column],
        used: tuple[str, ...],
        path: tuple[str | int, ...],
    ) -> None:
        def fail(argument: str, message: str) -> ContractError:
            return self.fail((*path, argument), f"rule '{name}': {message}")

        def number(argument: str, *, whole: bool = False) -> float | None:
            value = how.get(argument)
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise fail(argument, f"{argument} {value!r} is not a {'whole ' if whole else ''}number")
            return float(value)

        base = columns[used[0]].base_type if used and used[0] in columns else ""
        if kind == "range":
            low, high = number("minimum"), number("maximum")
            if low is None and high is None:
                raise self.fail(path, f"rule '{name}' (range) lacks minimum and maximum")
            if low is not None and high is not None and low > high:
                raise fail("minimum", f"minimum {low:g} is above maximum {high:g}")
            if base not in _NUMBERS:
                raise fail("column", f"range needs a number, '{used[0]}' is none")
        elif kind in ("row_count", "quarantine_ratio"):
            argument = "minimum" if kind == "row_count" else "minimum_rows"
            if (number(argument, whole=True) or 0) < 0:
                raise fail(argument, f"{argument} cannot be negative")
        elif kind == "accepted_values":
            values = how["values"]
            if not isinstance(values, list) or not values:
                raise fail("values", "values must be a non-empty list")
            wanted = {"varchar": (str,), "integer": (int,), "bigint": (int,), "decimal": (int, float)}.get(base)
            if wanted is None:
                raise fail("column", f"accepted_values needs a text or a number, '{used[0]}' is none")
            for value in values:
                if isinstance(value, bool) or not isinstance(value, wanted):
                    hint = "; write texts in quotes" if base == "varchar" else ""
                    raise fail("values", f"value {value!r} does not fit column '{used[0]}' ({base}){hint}")
        elif kind in ("pattern", "max_length") and base != "varchar":
            raise fail("column", f"{kind} needs a text, '{used[0]}' is none")
        elif kind == "pattern":
            try:
                re.compile(str(how["pattern"]))
            except re.error as error:
                raise fail("pattern", f"pattern cannot be compiled: {error}") from None
            if "(?P" in str(how["pattern"]):
                raise fail("pattern", "named groups are written differently in Spark; use a plain group")
        elif kind == "max_length":
            if (number("length", whole=True) or 0) < 1:
                raise fail("length", "length must be 1 or more")
        elif kind == "unique":
            if not used:
                raise fail("columns", "columns must not be empty")
        elif kind == "history":
            self.check_history(name, how, columns, used, path)
        elif kind == "expression":
            check_expression(str(how["expression"]), columns, lambda message: fail("expression", message))

    def check_reference(
        self, contract: SourceContract, rule: Rule, contracts: Mapping[str, SourceContract]
    ) -> None:
        """Refuse a reference to what no contract has, or to another type."""
        source, column = str(rule.arguments["to_source"]), str(rule.arguments["to_column"])
        path = (*self.rule_paths[rule.name], "implementation", "to_column")
        other = contracts.get(source)
        if other is None or column not in {each.name for each in other.columns}:
            raise self.fail(path, f"rule '{rule.name}' refers to {source}.{column}, which no contract has")
        own, theirs = contract.column(rule.column).base_type, other.column(column).base_type
        if own != theirs:
            raise self.fail(
                path, f"rule '{rule.name}' compares {rule.column} ({own}) with {source}.{column} ({theirs})"
            )

    def check_history(
        self,
        name: str,
        how: Mapping[str, Any],
        columns: Mapping[str, Column],
        used: tuple[str, ...],
        path: tuple[str | int, ...],
    ) -> None:
        metric = how["metric"]
        if metric not in HISTORY_METRICS:
            raise self.fail(
                (*path, "metric"),
                f"rule '{name}': metric {metric!r} is not one of {', '.join(HISTORY_METRICS)}",
            )
        if (metric == "rows") == bool(used):
            raise self.fail(
                path, f"rule '{name}': metric {metric} {'has no' if metric == 'rows' else 'needs a'} column"
            )
        if metric in ("mean", "sum") and (used[0] not in columns or columns[used[0]].base_type not in _NUMBERS):
            raise self.fail((*path, "column"), f"rule '{name}': {metric} needs a number, '{used[0]}' is none")
        limits = {"max_z": (1, 1000), "tolerance": (0, 1000), "days": (7, 366), "minimum_days": (3, 366)}
        values = {**HISTORY_DEFAULTS, **HISTORY_METRICS[metric], **how}
        for argument, (low, high) in limits.items():
            value = values[argument]
            kinds = (int, float) if argument in ("max_z", "tolerance") else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                raise self.fail(
                    (*path, argument),
                    f"rule '{name}': {argument} {value!r} is impossible; it is {low} to {high}",
                )
        if not isinstance(values["weekday"], bool):
            raise self.fail(
                (*path, "weekday"), f"rule '{name}': weekday {values['weekday']!r} is not true or false"
            )
        if values["minimum_days"] > values["days"]:
            raise self.fail(
                (*path, "minimum_days"),
                f"rule '{name}': minimum_days {values['minimum_days']} is above days {values['days']}",
            )


def check_expression(text: str, columns: Mapping[str, Column], fail: Callable[[str], ContractError]) -> None:
    """Refuse what is not one true-or-false condition on a row, in Spark SQL.

    Parsed with sqlglot; Spark parses it once more, with its own types, before the job judges anything.

    Args:
        text: the condition.
        columns: columns by name; those that every accepted row has may be named as well.
        fail: makes the error to raise.
    """
    import sqlglot  # late import: Glue reads the JSON form, which was checked before
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError
    from sqlglot.optimizer.annotate_types import annotate_types

    try:
        tree = sqlglot.parse_one(text, dialect="spark", into=exp.Condition)
    except (ParseError, TokenError) as error:
        found = getattr(error, "errors", None) or [{}]
        why = found[0].get("description") or "a quote is not closed"
        where = f" near '{found[0]['highlight']}'" if found[0].get("highlight") else ""
        raise fail(f"the expression is not valid SQL{where}: {why}") from None
    for kind, what in (
        (exp.Query, "a query"),
        (exp.AggFunc, "an aggregate"),
        (exp.Window, "a window function"),
    ):
        if next(tree.find_all(kind), None) is not None:
            raise fail(f"the expression has {what}; it must judge a row by itself")
    types = {name: column.type for name, column in columns.items()} | _SERVICE_COLUMNS
    for column in tree.find_all(exp.Column):
        if column.table or column.name.lower() not in types:
            raise fail(f"'{column.sql()}' in the expression is no column of the contract")
    for function in tree.find_all(exp.Anonymous):
        if function.name.lower() not in _spark_functions():
            raise fail(f"the expression calls {function.name}(), which Spark does not know")
    columned = exp.select(tree.copy()).from_("rows")
    for column in columned.find_all(exp.Column):
        column.set("table", exp.to_identifier("rows"))
    found_type = annotate_types(columned, schema={"rows": types}, dialect="spark").selects[0].type
    if found_type is not None and not found_type.is_type("boolean", "unknown", "null"):
        raise fail(f"the expression gives {found_type.sql().lower()}, not true or false")


@cache
def _spark_functions() -> frozenset[str]:
    """Functions of the Spark version that Glue runs, for those that the parser does not know by itself."""
    return frozenset((Path(__file__).parent / "spark_functions.txt").read_text("utf-8").split())


def load_contract(path: Path) -> SourceContract:
    """Read and check one contract.

    Raises:
        ContractError: the file is no usable contract; the message begins with ``<file>:<line>:``.
    """
    return _Reader(_Document(path)).read()


def load_contracts(folder: Path) -> dict[str, SourceContract]:
    """Read and check all contracts of a folder.

    Args:
        folder: holds one ``<source>.yaml`` per source.

    Returns:
        Contracts by source name, in order of the names.

    Raises:
        ContractError: a contract is unusable, or the folder has none.
    """
    readers = {path.stem: _Reader(_Document(path)) for path in sorted(folder.glob("*.yaml"))}
    if not readers:
        raise ContractError(f"no contract (*.yaml) in {folder}")
    contracts = {name: reader.read() for name, reader in readers.items()}
    for name, contract in contracts.items():
        for rule in contract.rules:
            if rule.kind == "referential":
                readers[name].check_reference(contract, rule, contracts)
    return contracts


def fixed_columns(contract: SourceContract | None, contracts: Mapping[str, SourceContract]) -> frozenset[str]:
    """Columns of a source that are no free text: they lead from row to row, or decide about rows and money.

    Args:
        contract: the source; None for rows that no contract describes.
        contracts: all sources, because a row may hold another source's key.
    """
    fixed = {known.key for known in contracts.values()}
    if contract is not None:
        fixed |= {contract.key, contract.version_column, *contract.amount}
        fixed |= {contract.sessions.session_column} if contract.sessions else set()
        fixed |= {column.name for column in contract.columns if column.base_type != "varchar"}
        fixed -= {column.name for column in contract.personal_columns}
    return frozenset(fixed - {""})


def contracts_json(contracts: Mapping[str, SourceContract]) -> str:
    """The contracts as JSON text, for the library zip of the Glue jobs; `contracts_from_json` reads it."""
    return json.dumps([asdict(contract) for contract in contracts.values()], indent=1, sort_keys=True) + "\n"


def contracts_from_json(text: str) -> dict[str, SourceContract]:
    """Contracts from the text that `contracts_json` wrote."""

    def column(item: dict[str, Any]) -> Column:
        pairs = tuple((pair[0], pair[1]) for pair in item.pop("synonyms"))
        kept = item.pop("url_parameters")
        return Column(
            **{**item, "formats": tuple(item["formats"]), "synonyms": pairs},
            url_parameters=None if kept is None else tuple(kept),
        )

    result = {}
    for item in json.loads(text):
        sessions = item["sessions"]
        result[item["name"]] = SourceContract(
            **{
                **item,
                "columns": tuple(column(entry) for entry in item["columns"]),
                "derived_columns": tuple(column(entry) for entry in item["derived_columns"]),
                "rules": tuple(Rule(**{**rule, "columns": tuple(rule["columns"])}) for rule in item["rules"]),
                "amount": tuple(item["amount"]),
                "extract": item["extract"] and Extract(**item["extract"]),
                "sessions": sessions
                and Sessions(**{**sessions, "client_columns": tuple(sessions["client_columns"])}),
            }
        )
    return result


@dataclass(frozen=True)
class SourceTable:
    """A source as SQL templates see it: ``load.sources`` is a tuple of these.

    Attributes:
        name: the source; its tables are ``staging.stg_<name>`` and ``history.<name>``.
        columns: names of all columns of these tables, in order.
        key: natural key.
        merge_entity: see `SourceContract`.
        amount: SQL of a row's money in the ledger; empty where it has none.
    """

    name: str
    columns: tuple[str, ...]
    key: str = ""
    merge_entity: str = ""
    amount: str = ""


def source_table(contract: SourceContract) -> SourceTable:
    """The contract in the words of SQL templates."""
    amount = ""
    if contract.amount:
        column, *factors = contract.amount
        amount = f"coalesce({column}, {' * '.join(factors)})" if factors else column
    columns = tuple(column.name for column in contract.accepted_columns)
    return SourceTable(contract.name, columns, contract.key, contract.merge_entity, amount)
