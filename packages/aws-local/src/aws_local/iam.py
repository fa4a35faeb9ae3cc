"""Checks of policies that IAM makes and moto does not: grammar of ARNs, trust policies of new roles, quotas of size.

IAM does not look up the names of actions: a misspelled one is stored and never matches (Access Analyzer reports it).
S3 does look at the actions and resources of a bucket's policy.
"""

from __future__ import annotations

import json
import re
from typing import Any

# docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html; characters without white space.
_MANAGED, _INLINE, _TRUST = 6144, 10240, 2048
# docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html: "You cannot use a wildcard in the
# service segment", nor in the partition. The words are those of CreatePolicy and PutRolePolicy.
_VENDOR = "Resource vendor must be fully qualified and cannot contain regexes."
_SERVICE_PRINCIPAL = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?$")


def check_policies() -> None:
    """Make moto's IAM as strict; may be called again."""
    from moto.iam import models, policy_validation  # late import: slow to import

    if hasattr(models.IAMBackend, "plain_create_role"):
        return
    validator = policy_validation.BaseIAMPolicyValidator
    plain_format = validator._validate_resource_format
    backend = models.IAMBackend
    backend.plain_create_role = backend.create_role  # type: ignore[attr-defined]
    plain_trust, plain_policy = backend.update_assume_role_policy, backend.create_policy
    plain_version, plain_inline = backend.create_policy_version, backend.put_role_policy

    def resource_format(self: Any, resource: str) -> None:
        plain_format(self, resource)
        parts = resource.split(":")
        if not self._resource_error and parts[0] == "arn" and len(parts) > 2:
            if _pattern(parts[1]):
                rest = ":".join(parts[2:])
                self._resource_error = (
                    f'Partition "{parts[1]}" is not valid for resource "arn:{parts[1]}:{rest}".'
                )
            elif _pattern(parts[2]):
                self._resource_error = _VENDOR

    def create_role(self: Any, role_name: str, assume_role_policy_document: str, *args: Any, **kw: Any) -> Any:
        _check_trust(assume_role_policy_document)
        return self.plain_create_role(role_name, assume_role_policy_document, *args, **kw)

    def update_trust(self: Any, role_name: str, policy_document: str) -> None:
        _check_trust(policy_document)
        plain_trust(self, role_name, policy_document)

    def create_policy(
        self: Any, description: str, path: str, policy_document: str, *args: Any, **kw: Any
    ) -> Any:
        _check_size(policy_document, _MANAGED, "Cannot exceed quota for PolicySize: {limit}")
        return plain_policy(self, description, path, policy_document, *args, **kw)

    def create_policy_version(self: Any, policy_arn: str, policy_document: str, *args: Any, **kw: Any) -> Any:
        _check_size(policy_document, _MANAGED, "Cannot exceed quota for PolicySize: {limit}")
        return plain_version(self, policy_arn, policy_document, *args, **kw)

    def put_role_policy(self: Any, role_name: str, policy_name: str, policy_json: str) -> None:
        # The limit is one for all inline policies of a role together.
        others = [text for name, text in self.get_role(role_name).policies.items() if name != policy_name]
        words = f"Maximum policy size of {{limit}} bytes exceeded for role {role_name}"
        _check_size("".join([policy_json, *others]), _INLINE, words)
        plain_inline(self, role_name, policy_name, policy_json)

    validator._validate_resource_format = resource_format  # type: ignore[method-assign]
    backend.create_role = create_role  # type: ignore[method-assign,assignment]
    backend.update_assume_role_policy = update_trust  # type: ignore[method-assign]
    backend.create_policy = create_policy  # type: ignore[method-assign,assignment]
    backend.create_policy_version = create_policy_version  # type: ignore[method-assign,assignment]
    backend.put_role_policy = put_role_policy  # type: ignore[method-assign]


def _check_trust(text: str) -> None:
    from moto.iam.exceptions import MalformedPolicyDocument
    from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

    IAMTrustPolicyDocumentValidator(text).validate()
    _check_size(text, _TRUST, "Cannot exceed quota for ACLSizePerRole: {limit}")
    for statement in _statements(text):
        if "Principal" not in statement:
            raise MalformedPolicyDocument("Missing required field Principal")
        principal = statement["Principal"]
        for service in _listed(principal.get("Service") if isinstance(principal, dict) else None):
            if not _SERVICE_PRINCIPAL.match(service):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "SERVICE":"{service}"')


def _check_size(text: str, limit: int, words: str) -> None:
    from moto.iam.exceptions import LimitExceededException

    if len(re.sub(r"\s", "", text)) > limit:
        raise LimitExceededException(words.format(limit=limit))


def bucket_policy_fault(bucket: str, body: bytes) -> str | None:
    """Why S3 refuses a bucket's policy, in S3's words; None: it takes it.

    Source: docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html and the service authorization
    reference of S3: a bucket's policy names actions of S3 on that bucket and its objects.
    """
    try:
        statements = _statements(body.decode())
    except (ValueError, KeyError):
        return "Policies must be valid JSON and the first byte must be '{'"
    own = (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/")
    for statement in statements:
        actions = _listed(statement.get("Action")) + _listed(statement.get("NotAction"))
        resources = _listed(statement.get("Resource")) + _listed(statement.get("NotResource"))
        if any(action != "*" and not action.lower().startswith("s3:") for action in actions):
            return "Policy has invalid action"
        if any(resource != own[0] and not resource.startswith(own[1]) for resource in resources):
            return "Policy has invalid resource"
        if "Principal" not in statement and "NotPrincipal" not in statement:
            return "Missing required field Principal"
    return None


def _statements(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _pattern(text: str) -> bool:
    return "*" in text or "?" in text
