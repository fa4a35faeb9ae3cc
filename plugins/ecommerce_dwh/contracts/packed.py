"""The contracts as JSON text in the library zip of the Glue jobs, which have no YAML parser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ecommerce_dwh.contracts.model import Column, Extract, Sessions, SourceContract, Status
from ecommerce_dwh.rules.rule import Rule


def contracts_json(contracts: Mapping[str, SourceContract]) -> str:
    """The contracts as JSON text, for the library zip of the Glue jobs; `contracts_from_json` reads it."""
    return json.dumps([asdict(contract) for contract in contracts.values()], indent=1, sort_keys=True) + "\n"


def contracts_from_json(text: str) -> dict[str, SourceContract]:
    """Contracts from the text that `contracts_json` wrote."""

    def column(item: dict[str, Any]) -> Column:
        pairs = tuple((pair[0], pair[1]) for pair in item.pop("synonyms"))
        kept = item.pop("url_parameters")
        statuses = item.pop("statuses")
        return Column(
            **{**item, "formats": tuple(item["formats"]), "synonyms": pairs},
            url_parameters=None if kept is None else tuple(kept),
            statuses=tuple(Status(**{**status, "words": tuple(status["words"])}) for status in statuses),
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
                "null_words": tuple(item["null_words"]),
                "extract": item["extract"] and Extract(**item["extract"]),
                "sessions": sessions
                and Sessions(**{**sessions, "client_columns": tuple(sessions["client_columns"])}),
            }
        )
    return result
