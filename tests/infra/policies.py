"""The policies that Terraform made: where they lie in its state, and what IAM says of their text.

The actions and resources of AWS come from policy_sentry, which keeps AWS's service authorization reference
(docs.aws.amazon.com/service-authorization) as data: released in April 2026, where parliament's last release is a year
older; checkov brings policy_sentry anyway.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import policy_sentry

# Characters without white space, as IAM counts them:
# docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (trust policies: the default quota). The inline
# policies of a role count together.
SIZES = {"managed": 6144, "inline": 10240, "trust": 2048}

# Patterns in the account of an ARN that AWS's own page asks for.
_ANY_ACCOUNT = {
    # docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html: the queue lies in an account of MWAA.
    "arn:aws:sqs:*:*:airflow-celery-*",
}
# Actions on a resource type that AWS's page for them names, and the service authorization reference does not.
_DOCUMENTED = {
    # CreateLogGroup, PutLogEvents and GetLogEvents are written on groups throughout AWS's guides; the reference names
    # streams, whose ARN begins with the group's.
    ("logs:PutLogEvents", "log-group"),
    ("logs:GetLogEvents", "log-group"),
}
_DEFINITION = Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"


@dataclass(frozen=True)
class Document:
    """One policy.

    Attributes:
        address: the Terraform resource and attribute that holds it.
        kind: managed, inline, trust or resource (of a bucket, key, topic or endpoint).
        owner: the role, bucket, … that it belongs to.
        body: the document.
    """

    address: str
    kind: str
    owner: str
    body: Mapping[str, Any]

    @property
    def statements(self) -> list[Mapping[str, Any]]:
        found = self.body["Statement"]
        return [found] if isinstance(found, dict) else list(found)

    @property
    def size(self) -> int:
        return len(re.sub(r"\s", "", json.dumps(self.body, separators=(",", ":"), ensure_ascii=False)))


def documents(state: Mapping[str, Any]) -> list[Document]:
    """Every policy in a state: each text in it that is JSON with statements, whatever resource it belongs to.

    Args:
        state: what `terraform show -json` prints after an apply.
    """
    found = []
    for resource in _resources(state["values"]["root_module"]):
        for attribute, value in resource["values"].items():
            if not isinstance(value, str) or '"Statement"' not in value:
                continue
            values = resource["values"]
            kind = {"aws_iam_policy": "managed", "aws_iam_role_policy": "inline", "aws_iam_role": "trust"}
            found.append(
                Document(
                    f"{resource['address']}.{attribute}",
                    kind.get(resource["type"], "resource"),
                    next(
                        str(values[key]) for key in ("role", "bucket", "name", "arn", "id") if values.get(key)
                    ),
                    json.loads(value),
                )
            )
    return found


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def of_role(found: Sequence[Document], role: str) -> list[Mapping[str, Any]]:
    """The inline policies of a role."""
    return [document.body for document in found if document.kind == "inline" and document.owner == role]


def boundary(found: Sequence[Document]) -> list[Mapping[str, Any]]:
    """The environment's permissions boundary."""
    return [document.body for document in found if document.owner.endswith("-boundary")]


def listed(value: Any) -> list[str]:
    """A policy's element, which is one text or a list of them, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


# --- what AWS refuses, or stores and never applies -------------------------------------------------------------------


def faults(document: Document) -> list[str]:
    """What is wrong with a policy, in words; empty: nothing."""
    return [
        f"{document.address}: {fault}"
        for statement in document.statements
        for fault in (
            *_arn_faults(statement),
            *_action_faults(document, statement),
            *_condition_faults(statement),
        )
    ]


def oversized(found: Sequence[Document]) -> list[str]:
    """Policies beyond IAM's quotas; the inline ones of a role are counted together."""
    sizes: dict[tuple[str, str], int] = {}
    for document in found:
        if document.kind in SIZES:
            owner = document.owner if document.kind != "managed" else document.address
            key = (document.kind, owner)
            sizes[key] = sizes.get(key, 0) + document.size
    return [
        f"{kind} policies of {owner}: {size} characters, IAM takes {SIZES[kind]}"
        for (kind, owner), size in sizes.items()
        if size > SIZES[kind]
    ]


def _condition_faults(statement: Mapping[str, Any]) -> Iterator[str]:
    """Condition keys that AWS does not know. Global keys (aws:) and those of an OIDC provider are in no list."""
    for keys in statement.get("Condition", {}).values():
        for key in keys:
            service = key.partition(":")[0].lower()
            if service == "aws" or "." in service:
                continue
            known = _definition().get(service, {}).get("conditions", {})
            stems = [re.sub(r"\$\{[^}]+\}.*", "", name).lower() for name in known]
            if not any(
                key.lower() == stem or (stem.endswith((":", "/")) and key.lower().startswith(stem))
                for stem in stems
            ):
                yield f"{key} is no condition key of AWS"


def _arn_faults(statement: Mapping[str, Any]) -> Iterator[str]:
    for resource in _all_resources(statement):
        if resource == "*":
            continue
        parts = resource.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            yield f"{resource} is no ARN"
            continue
        _, partition, service, _, account, name = parts
        if partition != "aws":
            yield f"{resource}: the partition must be aws"
        if _pattern(service) or service not in _definition():
            yield f"{resource}: the service must be named, and be one of AWS"
            continue
        shapes = [_shape(raw) for raw in _resource_arns(service)]
        if _pattern(account) and f"arn:aws:{service}:*:*:{name}" not in _ANY_ACCOUNT:
            yield f"{resource}: the account must be named"
        if not any(_covers(resource, shape) for shape in shapes):
            yield f"{resource}: {service} has no such resource"


def _all_resources(statement: Mapping[str, Any]) -> list[str]:
    return listed(statement.get("Resource")) + listed(statement.get("NotResource"))


def _action_faults(document: Document, statement: Mapping[str, Any]) -> Iterator[str]:
    resources = listed(statement.get("Resource"))
    for pattern in listed(statement.get("Action")) + listed(statement.get("NotAction")):
        if pattern == "*" and document.kind == "resource":
            continue  # of an endpoint or topic: the policy that AWS gives it
        known = expand(pattern)
        if not known:
            yield f"{pattern} is no action of AWS"
            continue
        if not resources or document.kind == "trust" or statement["Effect"] == "Deny":
            continue
        if not any(_applies(action, resource) for action in known for resource in resources):
            yield f"{pattern} never applies to {', '.join(resources)}"
    for resource in resources:
        actions = [action for pattern in listed(statement.get("Action")) for action in expand(pattern)]
        if (
            statement["Effect"] == "Allow"
            and actions
            and not any(_applies(action, resource) for action in actions)
        ):
            yield f"{resource} is of no type that {', '.join(listed(statement['Action']))} know"


def expand(pattern: str) -> list[str]:
    """The actions of AWS that a pattern such as `s3:Get*` names, in AWS's spelling."""
    service, _, name = pattern.partition(":")
    service = service.lower()
    privileges = _definition().get(service, {}).get("privileges", {})
    return [f"{service}:{known}" for known in privileges if fnmatch.fnmatchcase(known.lower(), name.lower())]


def _applies(action: str, resource: str) -> bool:
    """Whether a statement of this action and resource can ever match a request."""
    service, _, name = action.partition(":")
    types = _definition()[service]["privileges"][name]["resource_types"]
    kinds = [kind.rstrip("*") for kind in types if kind]
    kinds += [kind for documented, kind in _DOCUMENTED if documented == action]
    if resource == "*":
        return True
    arns = {raw["resource"]: raw["arn"] for raw in _definition()[service]["resources"].values()}
    return any(_covers(resource, _shape(arns[kind])) for kind in kinds if kind in arns)


def needs_star(action: str) -> bool:
    """Whether an action knows no resources, so that only `*` allows it."""
    service, _, name = action.partition(":")
    return not [kind for kind in _definition()[service]["privileges"][name]["resource_types"] if kind]


def _shape(raw: str) -> str:
    """An ARN of the reference, such as `arn:${Partition}:s3:::${BucketName}`, as a pattern."""
    return re.sub(r"\$\{[^}]+\}", "*", raw).replace("arn:*:", "arn:aws:", 1)


def _covers(resource: str, shape: str) -> bool:
    """Whether some ARN fits both patterns. Segments of an ARN are compared one by one, the last one as a whole."""
    ours, theirs = resource.split(":", 5), shape.split(":", 5)
    if len(ours) != len(theirs) or (shape == "arn:aws:s3:::*" and "/" in ours[-1]):
        return False  # a bucket's name has no slash: with one it is an object
    return all(_meet(one, other) for one, other in zip(ours, theirs, strict=True))


@functools.cache
def _meet(one: str, other: str) -> bool:
    """Whether two patterns with `*` and `?` have a text in common."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(one, other[1:]) or _meet(one[1:], other)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _meet(one[1:], other[1:])


def _pattern(text: str) -> bool:
    return "*" in text or "?" in text


@functools.cache
def _definition() -> dict[str, Any]:
    return dict(json.loads(_DEFINITION.read_text()))


def _resource_arns(service: str) -> list[str]:
    return [item["arn"] for item in _definition()[service].get("resources", {}).values()]
