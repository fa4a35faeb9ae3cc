"""IAM and S3 refuse at the endpoint the policies that they refuse at AWS, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aws_local.iam import check_policies
from aws_local.testing import Aws

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
    ],
}
_GOOD = "arn:aws:s3:::ecommerce-dwh-dev-raw/*"


def _policy(*resources: str, action: str = "s3:GetObject") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": list(resources)}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value)


def _role(aws: Aws, name: str = "worker") -> Any:
    iam = aws.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
    return iam


def test_a_wildcard_in_place_of_the_service_is_refused_in_every_kind_of_policy(aws: Aws):
    iam = _role(aws)
    policy = _policy(_GOOD, "arn:aws:*:*:123456789012:*")
    words = "Resource vendor must be fully qualified and cannot contain regexes."
    assert words in _refusal(iam.create_policy, PolicyName="boundary", PolicyDocument=policy)
    assert words in _refusal(iam.put_role_policy, RoleName="worker", PolicyName="p", PolicyDocument=policy)
    arn = iam.create_policy(PolicyName="fine", PolicyDocument=_policy(_GOOD))["Policy"]["Arn"]
    assert words in _refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy)
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == []


_segment = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", max_size=6)
_wild = st.tuples(_segment, st.sampled_from("*?"), _segment).map("".join)


@given(
    partition=st.one_of(st.just("aws"), _wild),
    service=st.one_of(st.sampled_from(["logs", "redshift", "secretsmanager"]), _wild),
    rest=st.sampled_from(["ap-south-1:123456789012:*", "*:*:cluster:x", "::name/*"]),
    negated=st.booleans(),
)
def test_no_pattern_in_partition_or_service_gets_through(
    partition: str, service: str, rest: str, negated: bool
):
    from moto.iam.exceptions import MalformedPolicyDocument
    from moto.iam.policy_validation import IAMPolicyDocumentValidator

    check_policies()
    key = "NotResource" if negated else "Resource"
    statement = {"Effect": "Deny", "Action": "s3:*", key: [_GOOD, f"arn:{partition}:{service}:{rest}"]}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    wild = bool({"*", "?"} & set(partition + service))
    if wild:
        with pytest.raises(MalformedPolicyDocument):
            IAMPolicyDocumentValidator(text).validate()
    else:
        IAMPolicyDocumentValidator(text).validate()


def test_quotas_of_size_are_counted_as_iam_counts_them(aws: Aws):
    iam = _role(aws)
    long = _policy(*(f"{_GOOD}{number:0900d}" for number in range(6)))  # under 6144 characters
    longer = _policy(*(f"{_GOOD}{number:0900d}" for number in range(7)))
    iam.create_policy(PolicyName="fits", PolicyDocument=json.dumps(json.loads(long), indent=40))
    told = _refusal(iam.create_policy, PolicyName="boundary", PolicyDocument=longer)
    assert "LimitExceeded" in told
    assert "Cannot exceed quota for PolicySize: 6144" in told
    iam.put_role_policy(RoleName="worker", PolicyName="one", PolicyDocument=longer)
    told = _refusal(iam.put_role_policy, RoleName="worker", PolicyName="two", PolicyDocument=long)
    assert "Maximum policy size of 10240 bytes exceeded for role worker" in told
    iam.put_role_policy(RoleName="worker", PolicyName="one", PolicyDocument=long)  # replaced, not added


def test_a_trust_policy_is_read_when_the_role_is_made(aws: Aws):
    iam = aws.client("iam")
    statement = dict(_TRUST["Statement"][0])  # type: ignore[arg-type]
    cases = {
        "Trust Policy statement actions can only be": {"Action": "s3:GetObject"},
        "Has prohibited field Resource": {"Resource": "*"},
        'Invalid principal in policy: "SERVICE":"glue"': {"Principal": {"Service": "glue"}},
        "Cannot exceed quota for ACLSizePerRole: 2048": {"Condition": {"StringEquals": {"aws:x": "y" * 2000}}},
    }
    for words, change in cases.items():
        document = json.dumps({**_TRUST, "Statement": [{**statement, **change}]})
        assert words in _refusal(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    without = {key: value for key, value in statement.items() if key != "Principal"}
    document = json.dumps({**_TRUST, "Statement": [without]})
    assert "Missing required field Principal" in _refusal(
        iam.create_role, RoleName="r", AssumeRolePolicyDocument=document
    )
    assert iam.list_roles()["Roles"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Action": "glue:GetTable"}, "Policy has invalid action"),
        ({"Resource": "arn:aws:s3:::another/*"}, "Policy has invalid resource"),
        ({"Resource": "arn:aws:s3:::raw-of-somebody-else/*"}, "Policy has invalid resource"),
        ({"Resource": "*"}, "Policy has invalid resource"),
    ],
)
def test_a_bucket_policy_speaks_of_its_bucket(aws: Aws, change: dict[str, str], words: str):
    aws.bucket("raw")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::raw", "arn:aws:s3:::raw/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    aws.s3.put_bucket_policy(Bucket="raw", Policy=json.dumps(policy))
    policy["Statement"] = [{**statement, **change}]
    told = _refusal(aws.s3.put_bucket_policy, Bucket="raw", Policy=json.dumps(policy))
    assert "MalformedPolicy" in told
    assert words in told
