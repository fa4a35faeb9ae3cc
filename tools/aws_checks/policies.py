"""Every policy of an environment through IAM Access Analyzer, and against IAM's size limits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tools.aws_checks.aws import Aws
from tools.aws_checks.rendered import Rendered
from tools.aws_checks.report import Line, fail, ok, warn

# IAM user guide, "IAM and AWS STS quotas": characters without white space.
_MANAGED, _INLINE, _TRUST = 6144, 10240, 2048


@dataclass(frozen=True)
class Policy:
    """One policy document.

    Attributes:
        kind: as Access Analyzer has it: IDENTITY_POLICY or RESOURCE_POLICY.
        resource_type: which resource's policy, for those that Access Analyzer knows.
    """

    address: str
    document: str
    kind: str
    resource_type: str = ""


def policies(rendered: Rendered) -> list[Policy]:
    """All policy documents of the rendered environment."""
    resources = {
        "aws_s3_bucket_policy": "AWS::S3::Bucket",
        "aws_sns_topic_policy": "",
        "aws_kms_key": "",
        "aws_vpc_endpoint": "",
    }
    found = [
        Policy(r.address, r.values["policy"], "IDENTITY_POLICY")
        for r in rendered.of("aws_iam_policy", "aws_iam_role_policy")
    ]
    found += [
        Policy(
            r.address, r.values["assume_role_policy"], "RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument"
        )
        for r in rendered.of("aws_iam_role")
    ]
    found += [
        Policy(r.address, r.values["policy"], "RESOURCE_POLICY", resources[r.type])
        for r in rendered.of(*resources)
        if str(r.values.get("policy") or "").startswith("{")
    ]
    return found


def validated(aws: Aws, rendered: Rendered) -> Iterator[Line]:
    """Findings of Access Analyzer: an error or security warning is red, a warning yellow, a suggestion nothing."""
    listed, client = policies(rendered), aws.client("accessanalyzer")

    def findings(policy: Policy) -> list[tuple[Policy, dict[str, str]]]:
        more = {"validatePolicyResourceType": policy.resource_type} if policy.resource_type else {}
        pages = client.get_paginator("validate_policy").paginate(
            policyDocument=policy.document, policyType=policy.kind, locale="EN", **more
        )
        return [(policy, finding) for page in pages for finding in page["findings"]]

    with ThreadPoolExecutor(4) as pool:  # the API is throttled early
        found = [pair for pairs in pool.map(findings, listed) for pair in pairs]
    bad = False
    for policy, finding in found:
        told = f"{_short(policy.address)}: {finding['issueCode']}: {finding['findingDetails']}"
        if finding["findingType"] in ("ERROR", "SECURITY_WARNING"):
            bad = True
            yield fail("policy", told, f"change the policy; {finding['learnMoreLink']}")
        elif finding["findingType"] == "WARNING":
            yield warn("policy", told, finding["learnMoreLink"])
    if not bad:
        yield ok("policies", f"Access Analyzer accepts all {len(listed)}")


def sizes(rendered: Rendered) -> Iterator[Line]:
    """IAM's limits, which no validation looks at: a policy that is too long is refused at apply."""
    lengths: dict[str, int] = defaultdict(int)
    limits: dict[str, int] = {}
    for r in rendered.of("aws_iam_policy", "aws_iam_role", "aws_iam_role_policy"):
        if r.type == "aws_iam_role_policy":
            key, limit, text = f"inline policies of {r.values['role']}", _INLINE, r.values["policy"]
        elif r.type == "aws_iam_policy":
            key, limit, text = f"policy {r.values['name']}", _MANAGED, r.values["policy"]
        else:
            key, limit, text = f"trust of {r.values['name']}", _TRUST, r.values["assume_role_policy"]
        lengths[key] += len(json.dumps(json.loads(text), separators=(",", ":")))
        limits[key] = limit
    over = {key: length for key, length in lengths.items() if length > limits[key]}
    for key, length in over.items():
        yield fail(
            "policy size",
            f"{key}: {length} characters, {limits[key]} allowed",
            "split it, or shorten its lists by a prefix; a role's trust may grow to 4096 by Service Quotas",
        )
    if not over:
        largest = max(lengths, key=lambda key: lengths[key] / limits[key])
        yield ok("policy size", f"the fullest is {largest}: {lengths[largest]} of {limits[largest]} characters")


def _short(address: str) -> str:
    return address.removeprefix("module.platform.").removeprefix("module.")
