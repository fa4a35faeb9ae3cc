"""Every policy document of both environments, held against what IAM takes and what AWS's actions know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import ACCOUNT, REGION
from hypothesis import given
from hypothesis import strategies as st
from policies import SIZES, Document, boundary, faults, listed, of_role, oversized
from simulator import allowed

_KINDS = {
    "aws_iam_policy",
    "aws_iam_role_policy",
    "aws_iam_role",
    "aws_s3_bucket_policy",
    "aws_kms_key",
    "aws_vpc_endpoint",
    "aws_sns_topic_policy",
}


def _type(document: Document) -> str:
    return next(part for part in reversed(document.address.split(".")) if part.startswith("aws_"))


def test_every_kind_of_policy_is_looked_at(rendered: dict[str, list[Document]]) -> None:
    for env, found in rendered.items():
        assert {_type(document) for document in found} >= _KINDS, env
        assert len(found) > 30


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_iam_takes_every_policy_and_every_statement_can_apply(
    rendered: dict[str, list[Document]], env: str
) -> None:
    found = rendered[env]
    assert [fault for document in found for fault in faults(document)] == []
    assert oversized(found) == []


# --- the rules themselves: each finds its kind of mistake -----------------------------------------------------------


def _document(kind: str = "inline", **change: Any) -> Document:
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::ecommerce-dwh-dev-raw/*",
    }
    body = {"Version": "2012-10-17", "Statement": [{**statement, **change}]}
    return Document("aws_iam_role_policy.x.policy", kind, "x", body)


def test_a_plain_policy_has_no_fault() -> None:
    assert faults(_document()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Resource": f"arn:aws:*:*:{ACCOUNT}:*"}, "the service must be named"),
        ({"Resource": f"arn:aws:no-such-service:{REGION}:{ACCOUNT}:*"}, "the service must be named"),
        ({"Resource": "arn:*:s3:::ecommerce-dwh-dev-raw/*"}, "the partition must be aws"),
        ({"Resource": "ecommerce-dwh-dev-raw/*"}, "is no ARN"),
        ({"Action": "glue:GetJob", "Resource": f"arn:aws:glue:{REGION}:*:job/x"}, "the account must be named"),
        (
            {"Action": "glue:GetJob", "Resource": f"arn:aws:glue:{REGION}:1234?:job/x"},
            "the account must be named",
        ),
        (
            {"Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{REGION}:*:any-queue"},
            "the account must be named",
        ),
        ({"Action": "s3:GetObjekt"}, "is no action of AWS"),
        ({"Action": "s4:GetObject"}, "is no action of AWS"),
        ({"Action": "*"}, "is no action of AWS"),
        ({"Action": ["s3:GetObject", "s3:ListBucket"]}, "s3:ListBucket never applies"),
        (
            {"Action": "glue:GetSecurityConfiguration", "Resource": f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"},
            "GetSecurityConfiguration never applies",
        ),
        (
            {
                "Action": ["glue:GetConnection", "glue:GetSecurityConfiguration"],
                "Resource": [f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"],
            },
            "GetSecurityConfiguration never applies",
        ),
        (
            {"Resource": ["arn:aws:s3:::ecommerce-dwh-dev-raw", "arn:aws:s3:::ecommerce-dwh-dev-raw/*"]},
            "is of no type that",
        ),
        ({"Condition": {"StringEquals": {"s3:no-such-key": "x"}}}, "is no condition key"),
    ],
)
def test_a_mistake_is_found(change: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in faults(_document(**change))), faults(_document(**change))


_text = st.text("abcdefgh0123456789-", max_size=5)
_wild = st.tuples(_text, st.sampled_from("*?"), _text).map("".join)


@given(place=st.sampled_from([1, 2, 4]), wild=_wild, key=st.sampled_from(["Resource", "NotResource"]))
def test_a_pattern_is_found_wherever_it_is(place: int, wild: str, key: str) -> None:
    parts = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:airflow/x".split(":")
    parts[place] = wild
    document = _document(Action="secretsmanager:GetSecretValue", Effect="Deny", Resource=None)
    document.body["Statement"][0] = {
        "Effect": "Deny",
        "Action": "secretsmanager:GetSecretValue",
        key: ":".join(parts),
    }
    assert any("must be" in fault for fault in faults(document))


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_quotas_count_what_belongs_together(kind: str) -> None:
    def of_size(size: int, owner: str) -> Document:
        empty = Document("a", kind, owner, {"Statement": [], "Id": ""})
        return Document("a", kind, owner, {"Statement": [], "Id": "x" * (size - empty.size)})

    limit = SIZES[kind]
    assert oversized(
        [of_size(limit, "one"), of_size(limit, "two") if kind != "managed" else of_size(99, "two")]
    ) == ([] if kind != "managed" else oversized([of_size(limit, "one"), of_size(99, "one")]))
    assert oversized([of_size(limit + 1, "one")])
    if kind == "inline":
        assert oversized([of_size(limit - 100, "one"), of_size(101, "one")])


# --- one environment does not reach into the other -------------------------------------------------------------------


def _things(env: str) -> list[tuple[str, str]]:
    """Actions on what an environment holds, which no role of the other may do."""
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
    name = f"ecommerce-dwh-{env}"
    return [
        (
            "secretsmanager:GetSecretValue",
            arn.format("secretsmanager", f"secret:airflow/{name}/connections/x-AbCdEf"),
        ),
        ("redshift:GetClusterCredentials", arn.format("redshift", f"dbuser:{name}-cluster/dwh_admin")),
        ("redshift:PauseCluster", arn.format("redshift", f"cluster:{name}-cluster")),
        ("logs:GetLogEvents", arn.format("logs", f"log-group:airflow-{name}-Task:log-stream:x")),
        ("logs:FilterLogEvents", arn.format("logs", f"log-group:/aws-glue/jobs/{name}/{name}-role/x/error")),
        ("logs:GetLogEvents", arn.format("logs", f"log-group:/aws/redshift/cluster/{name}-cluster/userlog")),
        ("glue:StartJobRun", arn.format("glue", f"job/{name}-data-erasure")),
        ("glue:UpdateJob", arn.format("glue", f"job/{name}-data-processing")),
        ("glue:GetTable", arn.format("glue", f"table/{name.replace('-', '_')}_raw/orders")),
        ("glue:StartCrawler", arn.format("glue", f"crawler/{name}-raw-data-crawler")),
        ("sns:Publish", arn.format("sns", f"{name}-alerts")),
        ("airflow:PublishMetrics", arn.format("airflow", f"environment/{name}")),
        ("s3:GetObject", f"arn:aws:s3:::{name}-raw/customers/dt=2026-01-01/a.csv"),
        ("s3:PutObject", f"arn:aws:s3:::{name}-scripts/mwaa/dags/a.py"),
        ("s3:DeleteObjectVersion", f"arn:aws:s3:::{name}-raw-replica/x"),
    ]


@pytest.mark.parametrize(("env", "other"), [("dev", "prod"), ("prod", "dev")])
def test_the_boundary_ends_at_the_environment(
    rendered: dict[str, list[Document]], env: str, other: str
) -> None:
    """Whatever policies a role of one environment is given, it reads nothing of the other."""
    everything = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    limit = boundary(rendered[env])
    reached = [asked for asked in _things(other) if allowed(everything, *asked, boundary=limit)]
    assert reached == []
    # The same things of its own are within it, except what no role needs: the warehouse's own logs.
    own = [asked for asked in _things(env) if not allowed(everything, *asked, boundary=limit)]
    assert {asked[1].split(":")[2] for asked in own} <= {"logs"}
    assert len(own) == 1


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_a_role_may_do_within_the_boundary_what_its_own_policies_allow(
    rendered: dict[str, list[Document]], env: str
) -> None:
    """A permission outside the boundary would be granted and yet refused."""
    found = rendered[env]
    limit = boundary(found)
    workers = {d.owner for d in found if d.kind == "inline" and "-github-" not in d.owner}
    assert len(workers) >= 7
    refused = []
    for role in sorted(workers):
        for policy in of_role(found, role):
            for statement in policy["Statement"]:
                context = {
                    key: values
                    for block in statement.get("Condition", {}).values()
                    for key, values in block.items()
                }
                context = {key: value if isinstance(value, str) else value[0] for key, value in context.items()}
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                resources = statement["Resource"]
                for resource in [resources] if isinstance(resources, str) else resources:
                    refused += [
                        f"{role}: {action} on {resource}"
                        for action in actions
                        if not allowed([policy], action.replace("*", "x"), resource, context, boundary=limit)
                    ]
    assert refused == []


def test_the_state_is_read_whole() -> None:
    """A policy hidden in a module of a module is found as well."""
    from policies import documents

    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    inner = {
        "address": "module.a.module.b.aws_sqs_queue.q",
        "type": "aws_sqs_queue",
        "values": {"policy": text, "id": "q"},
    }
    state = {"values": {"root_module": {"child_modules": [{"child_modules": [{"resources": [inner]}]}]}}}
    assert [document.owner for document in documents(state)] == ["q"]


# --- conditions on the source -----------------------------------------------------------------------------------------

# Services that AWS documents to send aws:SourceAccount or aws:SourceArn where this repository asks for it. A condition
# on a key that a service does not send is false, and the role or bucket is closed to it.
_SENDS_ITS_SOURCE = {
    "airflow.amazonaws.com": "mwaa/latest/userguide/cross-service-confused-deputy-prevention.html",
    "airflow-env.amazonaws.com": "mwaa/latest/userguide/cross-service-confused-deputy-prevention.html",
    "vpc-flow-logs.amazonaws.com": "vpc/latest/userguide/flow-logs-iam-role.html",
    "logging.s3.amazonaws.com": "AmazonS3/latest/userguide/enable-server-access-logging.html",
    "cloudtrail.amazonaws.com": "awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html",
    "cloudwatch.amazonaws.com": "sns/latest/dg/sns-key-management.html",
}


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_source_is_asked_only_of_services_that_send_it(
    rendered: dict[str, list[Document]], env: str
) -> None:
    wrong, seen = [], set()
    for document in rendered[env]:
        for statement in document.statements:
            principal = statement.get("Principal")
            services = listed(principal.get("Service")) if isinstance(principal, dict) else []
            keys = {key.lower() for block in statement.get("Condition", {}).values() for key in block}
            if services and any(key.startswith("aws:source") for key in keys):
                seen |= set(services)
                wrong += [f"{document.address}: {name}" for name in services if name not in _SENDS_ITS_SOURCE]
    assert wrong == []
    assert "airflow.amazonaws.com" in seen
