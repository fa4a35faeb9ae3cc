"""A small evaluator of IAM identity policies: enough to ask what a role may do with a resource."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any


def allowed(
    documents: Sequence[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether the policies allow an action on a resource: an explicit denial wins, silence denies."""
    statements = [statement for document in documents for statement in document["Statement"]]
    fitting = [s for s in statements if _fits(s, action, resource, context or {})]
    return any(s["Effect"] == "Allow" for s in fitting) and not any(s["Effect"] == "Deny" for s in fitting)


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if not _any(statement.get("Action", ()), action.lower(), lower=True):
        return False
    if "NotResource" in statement:
        if _any(statement["NotResource"], resource):
            return False
    elif not _any(statement.get("Resource", ()), resource):
        return False
    return all(
        _condition(operator, wanted, context) for operator, wanted in statement.get("Condition", {}).items()
    )


def _any(patterns: str | Sequence[str], value: str, lower: bool = False) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(value, pattern.lower() if lower else pattern) for pattern in listed)


def _condition(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    if operator not in ("StringEquals", "ForAllValues:StringEquals"):
        raise NotImplementedError(operator)
    return all(_any(values, context.get(key, "")) for key, values in wanted.items())
