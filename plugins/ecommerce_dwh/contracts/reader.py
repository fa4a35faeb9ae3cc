"""Reads the contracts' YAML files into the model, and refuses, with file and line, whatever cannot work.

Four steps: YAML to plain values (`document`), the standard's own schema (`standard`), types of this product's
``customProperties`` (`properties`), and what must fit together (here, in `columns`, and in ``ecommerce_dwh.rules``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.contracts.columns import IDENTIFIER, check_names, read_columns, read_derived
from ecommerce_dwh.contracts.document import Document, Place
from ecommerce_dwh.contracts.model import (
    OWN_ENTITIES,
    SERVICE_COLUMNS,
    Column,
    ContractError,
    Extract,
    Sessions,
    SourceContract,
)
from ecommerce_dwh.contracts.standard import check_standard
from ecommerce_dwh.rules import DIMENSIONS, KINDS, SEVERITIES, Asked, Rule
from ecommerce_dwh.rules.referential import check_reference
from ecommerce_dwh.rules.standing import standing_rules

if TYPE_CHECKING:
    from ecommerce_dwh.contracts.properties import ContractProperties

ENGINE = "ecommerce-dwh"
# Units of the standard's service level `latency`, in hours.
_HOURS = {"h": 1, "hours": 1, "d": 24, "days": 24}
_MOST_HOURS = 24 * 366
_TABLE: Place = ("schema", 0)
_COLUMNS: Place = (*_TABLE, "properties")


def load_contract(path: Path) -> SourceContract:
    """Read and check one contract.

    Raises:
        ContractError: the file is no usable contract; the message begins with ``<file>:<line>:``.
    """
    return _Reader(Document(path)).read()


def load_contracts(folder: Path) -> dict[str, SourceContract]:
    """Read and check all contracts of a folder.

    Args:
        folder: holds one ``<source>.yaml`` per source.

    Returns:
        Contracts by source name, in order of the names.

    Raises:
        ContractError: a contract is unusable, or the folder has none.
    """
    readers = {path.stem: _Reader(Document(path)) for path in sorted(folder.glob("*.yaml"))}
    if not readers:
        raise ContractError(f"no contract (*.yaml) in {folder}")
    contracts = {name: reader.read() for name, reader in readers.items()}
    types = {name: {column.name: column.kind for column in each.columns} for name, each in contracts.items()}
    for name, contract in contracts.items():
        own = {column.name: column.kind for column in contract.accepted_columns}
        for rule in contract.rules:
            if rule.kind == "referential":
                check_reference(rule, own, types, readers[name].rules.refusal(rule.name))
    return contracts


class _Reader:
    """Turns one document into a `SourceContract`."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.rules = _RuleReader(document)
        self.places: dict[str, Place] = {}

    def fail(self, name: str, message: str) -> ContractError:
        """The error for one of the contract's custom properties."""
        return self.document.error(self.places.get(name, ("customProperties",)), message)

    def read(self) -> SourceContract:
        from ecommerce_dwh.contracts.properties import ContractProperties, read_properties  # late: pydantic

        root, table = self.checked_root()
        custom, self.places = read_properties(ContractProperties, root, (), self.document)
        columns = read_columns(self.document, table["properties"], _COLUMNS)
        derived = read_derived(
            self.document, custom.derived_columns, columns, self.places.get("derivedColumns", ())
        )
        check_names(self.document, (*columns, *derived), _COLUMNS)
        self.check_persons(columns)
        key = self.key(table, columns)
        by_name = {column.name: column for column in (*columns, *derived)}
        contract = SourceContract(
            name=root["name"],
            version=root["version"],
            description=str((root.get("description") or {}).get("purpose", "")).strip(),
            key=key,
            columns=columns,
            derived_columns=derived,
            history=custom.history,
            delivery=custom.delivery,
            rules=self.all_rules(table, by_name, key, custom),
            version_column=self.named("versionColumn", custom.version_column, by_name),
            amount=self.amount(custom, columns),
            merge_entity=self.merge_entity(custom.merge_entity),
            distribution_column=self.named("distributionColumn", custom.distribution_column, by_name) or key,
            sessions=self.sessions(custom, by_name),
            owner=_owner(root),
            freshness_hours=self.freshness(root),
            extract=self.extract(custom),
            null_words=self.null_words(custom),
        )
        self.check_statuses(contract)
        if contract.version_column and by_name[contract.version_column].base_type != "timestamp":
            raise self.fail("versionColumn", f"versionColumn '{contract.version_column}' is not a timestamp")
        return contract

    def all_rules(
        self, table: Mapping[str, Any], columns: Mapping[str, Column], key: str, custom: ContractProperties
    ) -> tuple[Rule, ...]:
        """The rules of the contract, and those that hold for every source."""
        own = self.rules.read(table, columns)
        version = "version_at" if custom.history == "scd2" else ""
        return (*own, *standing_rules(own, key, version, custom.version_column, KINDS))

    def checked_root(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The document and its only table, of the form that the standard asks for."""
        document, root = self.document, self.document.root
        if not isinstance(root, dict):
            raise document.error((), "expected a mapping at the top of an ODCS data contract")
        if root.get("kind") != "DataContract" or not str(root.get("apiVersion", "")).startswith("v3."):
            raise document.error(("apiVersion",), "expected 'kind: DataContract' and 'apiVersion: v3.x'")
        check_standard(document)
        name = root.get("name", "")
        if not IDENTIFIER.fullmatch(name):
            raise document.error(("name",), f"name {name!r} must be a lower-case identifier")
        if name != document.path.stem:
            raise document.error(
                ("name",), f"name '{name}' differs from the file's name '{document.path.stem}'"
            )
        if not root["version"].strip():
            raise document.error(("version",), "the contract has no version")
        schema = root.get("schema") or []
        if len(schema) != 1:
            raise document.error(("schema",), "a contract describes exactly one table in 'schema'")
        if not schema[0].get("properties"):
            raise document.error(_COLUMNS, "the table has no properties (columns)")
        return root, schema[0]

    def check_statuses(self, contract: SourceContract) -> None:
        """Orders need a meaning for their status, and rules accept the words that have one, and no other."""
        for place, column in enumerate(contract.columns):
            if contract.name == "orders" and column.name == "order_status" and not column.statuses:
                raise self.document.error(
                    (*_COLUMNS, place),
                    "column 'order_status': the custom property statuses is missing; it says which words of the "
                    "shop mean which status, and how its orders count (docs/contracts.md)",
                )
            known = {word for status in column.statuses for word in status.words}
            for rule in contract.rules:
                if known and rule.kind == "accepted_values" and rule.columns == (column.name,):
                    odd = sorted(known ^ set(rule.arguments["values"]))
                    if odd:
                        raise self.rules.refusal(rule.name)(
                            "values",
                            f"rule '{rule.name}': {', '.join(odd)} must be in both or in neither of values and the "
                            f"statuses of '{column.name}'",
                        )

    def check_persons(self, columns: tuple[Column, ...]) -> None:
        persons = [column.name for column in columns if column.person_key]
        if len(persons) > 1:
            raise self.document.error(
                _COLUMNS, f"a row is about one person, but {' and '.join(persons)} both carry a personKey"
            )

    def key(self, table: Mapping[str, Any], columns: tuple[Column, ...]) -> str:
        keys = [place for place, item in enumerate(table["properties"]) if item.get("primaryKey")]
        if len(keys) != 1:
            raise self.document.error(_COLUMNS, f"exactly one column must be primaryKey, found {len(keys)}")
        column = columns[keys[0]]
        if not column.kind.is_text:
            raise self.document.error(
                (*_COLUMNS, keys[0]), f"key '{column.name}' must be text (natural keys stay as delivered)"
            )
        return column.name

    def named(self, name: str, column: str, columns: Mapping[str, Column]) -> str:
        if column and column not in columns:
            raise self.fail(name, f"{name} names column '{column}', which the contract does not have")
        return column

    def null_words(self, custom: ContractProperties) -> tuple[str, ...]:
        words = tuple(word.strip() for word in custom.null_words)
        if not all(words) or len(set(words)) != len(words):
            raise self.fail("nullWords", "nullWords needs words that are not empty, each once")
        return words

    def merge_entity(self, name: str) -> str:
        if name and (not IDENTIFIER.fullmatch(name) or name in OWN_ENTITIES or name.startswith("agg_")):
            raise self.fail(
                "mergeEntity", f"mergeEntity '{name}' must be a lower-case identifier that nobody else uses"
            )
        return name

    def extract(self, custom: ContractProperties) -> Extract | None:
        if custom.extract is None:
            return None
        table, watermark = custom.extract.table, custom.extract.watermark
        parts = table.split(".")
        if len(parts) != 2 or not all(IDENTIFIER.fullmatch(part) for part in (*parts, watermark)):
            raise self.fail(
                "extract", "extract needs 'table' (schema.table) and 'watermark', lower-case identifiers"
            )
        return Extract(table, watermark)

    def amount(self, custom: ContractProperties, columns: tuple[Column, ...]) -> tuple[str, ...]:
        if custom.amount is None:
            return ()
        names = (custom.amount.column, *custom.amount.or_product_of)
        if len(names) not in (1, 3):
            raise self.fail("amount", "amount needs 'column' and, optionally, two names in 'orProductOf'")
        numeric = {column.name for column in columns if column.kind.is_number}
        for name in names:
            if name not in numeric:
                raise self.fail("amount", f"amount names '{name}', which is not a numeric column")
        return names

    def sessions(self, custom: ContractProperties, columns: Mapping[str, Column]) -> Sessions | None:
        asked = custom.sessions
        if asked is None:
            return None
        result = Sessions(
            session_column=asked.session_column,
            customer_column=asked.customer_column,
            time_column=asked.time_column,
            client_columns=tuple(asked.client_columns),
            gap_minutes=asked.gap_minutes,
        )
        for name in (result.session_column, result.customer_column, result.time_column, *result.client_columns):
            if name not in columns:
                raise self.fail("sessions", f"sessions names column '{name}', which does not exist")
        return result

    def freshness(self, root: Mapping[str, Any]) -> int:
        for index, item in enumerate(root.get("slaProperties") or []):
            if item.get("property") == "latency":
                unit, value = _HOURS.get(item.get("unit", "h")), item.get("value")
                good = unit is not None and isinstance(value, int) and not isinstance(value, bool)
                if not good or not 1 <= value * unit <= _MOST_HOURS:
                    raise self.document.error(
                        ("slaProperties", index), "latency needs a whole value and unit h or d, up to a year"
                    )
                return int(value * unit)
        return 24


def _owner(root: Mapping[str, Any]) -> str:
    """The owning team, in either form of the standard."""
    team = root.get("team")
    if isinstance(team, dict):
        return str(team.get("name", ""))
    return str(team[0].get("username", "")) if team else ""


class _RuleReader:
    """Reads the quality rules of a contract, those of the table and those below columns."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.places: dict[str, Place] = {}

    def refusal(self, name: str) -> Any:
        """Makes errors of a rule's arguments, from the argument at fault (empty: all of them) and a message."""

        def refuse(argument: str, message: str) -> ContractError:
            place = (*self.places[name], "implementation")
            return self.document.error((*place, argument) if argument else place, message)

        return refuse

    def read(self, table: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[Rule, ...]:
        rules = [
            self.rule(item, columns, (*_TABLE, "quality", index))
            for index, item in enumerate(table.get("quality") or [])
        ]
        for position, column in enumerate(table["properties"]):
            for index, item in enumerate(column.get("quality") or []):
                place = (*_COLUMNS, position, "quality", index)
                rules.append(self.rule(item, columns, place, str(column["name"])))
        return tuple(rules)

    def rule(
        self, item: Mapping[str, Any], columns: Mapping[str, Column], place: Place, own_column: str = ""
    ) -> Rule:
        name = self.name(item, place)
        refuse = self.refusal(name)
        how = dict(item["implementation"]) if isinstance(item["implementation"], dict) else {}
        kind_name = how.pop("kind", None)
        kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
        if kind is None:
            raise refuse("kind", f"rule '{name}': kind {kind_name!r} is not one of {', '.join(KINDS)}")
        threshold = how.pop("threshold", 0.0)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise refuse(
                "threshold",
                f"rule '{name}': threshold {threshold!r} is impossible; it is a share of rows, 0 to 1",
            )
        if own_column and kind.takes_column(how):
            how.setdefault("column", own_column)
        missing, unknown = sorted(kind.must - set(how)), sorted(set(how) - kind.must - kind.may)
        if missing or unknown:
            what = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
            raise refuse("" if missing else unknown[0], f"rule '{name}' ({kind.name}) {what}")
        used = self.used_columns(name, how, columns)
        types = {each: column.kind for each, column in columns.items()}
        sql_types = {column.name: column.type for column in (*SERVICE_COLUMNS, *columns.values())}
        kind.check(
            Asked(
                name,
                used,
                how,
                types,
                sql_types,
                lambda argument, message: refuse(argument, f"rule '{name}': {message}"),
            )
        )
        return self.made(item, place, name, kind_name, used, kind.completed(how), float(threshold))

    def name(self, item: Mapping[str, Any], place: Place) -> str:
        name = item.get("name", "")
        if not IDENTIFIER.fullmatch(name):
            raise self.document.error(place, f"rule name {name!r} must be a lower-case identifier")
        if name in self.places:
            raise self.document.error(place, f"two rules are named '{name}'")
        self.places[name] = place
        if item.get("type") != "custom" or item.get("engine") != ENGINE:
            raise self.document.error(place, f"rule '{name}': expected 'type: custom' and 'engine: {ENGINE}'")
        return str(name)

    def used_columns(self, name: str, how: dict[str, Any], columns: Mapping[str, Column]) -> tuple[str, ...]:
        """The columns that a rule names, which are taken out of its arguments."""
        refuse = self.refusal(name)
        many, argument = how.pop("columns", None) or [], "columns"
        if not isinstance(many, list):
            raise refuse("columns", f"rule '{name}': columns must be a list")
        if "column" in how:
            many, argument = [how.pop("column")], "column"
        known = {*columns, *(column.name for column in SERVICE_COLUMNS)}
        for column in many:
            if not isinstance(column, str) or column not in known:
                raise refuse(
                    argument, f"rule '{name}' names column '{column}', which the contract does not have"
                )
        return tuple(many)

    def made(
        self,
        item: Mapping[str, Any],
        place: Place,
        name: str,
        kind: str,
        columns: tuple[str, ...],
        arguments: dict[str, Any],
        threshold: float,
    ) -> Rule:
        severity, dimension = item.get("severity"), item.get("dimension")
        if severity not in SEVERITIES:
            raise self.document.error(place, f"rule '{name}': severity {severity!r} is not error or warning")
        if dimension not in DIMENSIONS:
            raise self.document.error(
                place, f"rule '{name}': dimension {dimension!r} is not one of {', '.join(DIMENSIONS)}"
            )
        shown = KINDS[kind].dimension(dimension, arguments)
        rule = Rule(name, shown, severity, kind, columns, arguments, threshold)
        description = str(item.get("description", "")).strip() or KINDS[kind].sentence(rule)
        return Rule(name, shown, severity, kind, columns, arguments, threshold, description)
