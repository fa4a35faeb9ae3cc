"""A small evaluator of IAM policies: what a role may do with a resource.

The order is AWS's (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html): an explicit
denial wins; then a role's own policies and its permissions boundary must both allow; silence denies.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from policies import listed

Documents = Sequence[Mapping[str, Any]]


def allowed(
    identity: Documents,
    action: str,
    resource: str,
    context: Mapping[str, str | Sequence[str]] | None = None,
    boundary: Documents | None = None,
) -> bool:
    """Whether policies allow an action on a resource.

    Args:
        identity: documents of the role, inline and managed.
        action: for example `s3:GetObject`.
        resource: its ARN; `*` for an action that knows no resources.
        context: condition keys of the request, such as `kms:ViaService`; what is absent is absent, as at AWS.
        boundary: the role's permissions boundary; None: it has none.
    """
    asked = (action, resource, context or {})
    verdicts = [_verdict(identity, *asked)]
    if boundary is not None:
        verdicts.append(_verdict(boundary, *asked))
    return all(verdict == "Allow" for verdict in verdicts)


def _verdict(documents: Documents, action: str, resource: str, context: Mapping[str, Any]) -> str:
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _statements(document)
        if _fits(statement, action, resource, context)
    }
    return "Deny" if "Deny" in effects else "Allow" if "Allow" in effects else ""


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = document["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        if _any(statement["NotAction"], action, re.IGNORECASE):
            return False
    elif not _any(statement.get("Action"), action, re.IGNORECASE):
        return False
    if "NotResource" in statement:
        if _any(statement["NotResource"], resource):
            return False
    elif not _any(statement.get("Resource"), resource):
        return False
    return all(
        _condition(operator, key, listed(values), context)
        for operator, wanted in statement.get("Condition", {}).items()
        for key, values in wanted.items()
    )


def _any(patterns: Any, value: str, flags: int = 0) -> bool:
    return any(_pattern(pattern, flags).fullmatch(value) for pattern in listed(patterns))


@functools.cache
def _pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """IAM knows `*` and `?`; brackets are plain characters."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def _condition(operator: str, key: str, wanted: list[str], context: Mapping[str, Any]) -> bool:
    """One line of a condition block: the values of the request against the policy's.

    A key that the request does not carry makes a positive operator false and a negated one true; with ForAllValues an
    absent key is true (reference_policies_condition-single-vs-multi-valued-context-keys.html).
    """
    quantity, _, plain = operator.rpartition(":")
    given = context.get(key)
    if plain == "Null":
        return (given is None) is (wanted == ["true"])
    if given is None:
        return quantity == "ForAllValues" or "Not" in plain or plain.endswith("IfExists")
    test = _OPERATORS[plain.removesuffix("IfExists")]
    found = [test(value, wanted) for value in listed(given)]
    return any(found) if quantity == "ForAnyValue" else all(found)


_OPERATORS = {
    "StringEquals": lambda value, wanted: value in wanted,
    "StringNotEquals": lambda value, wanted: value not in wanted,
    "StringLike": lambda value, wanted: _any(wanted, value),
    "StringNotLike": lambda value, wanted: not _any(wanted, value),
    "ArnEquals": lambda value, wanted: _any(wanted, value),
    "ArnLike": lambda value, wanted: _any(wanted, value),
    "Bool": lambda value, wanted: value in wanted,
}
