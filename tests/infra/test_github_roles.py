"""GitHub's roles can do what Terraform asks of AWS when it compares state and account, and read no data.

The calls are those that the real provider makes at the endpoint; the policies are those that were applied, with AWS's
own ReadOnlyAccess and PowerUserAccess as moto carries them (moto/iam/aws_managed_policies.py, with AWS's dates).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from calls import asked
from conftest import ACCOUNT, REGION, Applied
from policies import Document, expand, of_role
from simulator import allowed


@pytest.fixture(scope="module")
def managed(applied: Applied) -> dict[str, dict[str, Any]]:
    """AWS's own policies by name."""
    iam = applied.endpoint.client("iam")
    found = {}
    for name in ("ReadOnlyAccess", "PowerUserAccess"):
        policy = iam.get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{name}")["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        found[name] = version["PolicyVersion"]["Document"]
    return found


@pytest.fixture(scope="module")
def roles(rendered: dict[str, list[Document]], managed: dict[str, Any]) -> dict[str, list[Any]]:
    """The policies of both environments' plan and apply roles, by the role's name."""
    found = {}
    for env, documents in rendered.items():
        for role, attached in (("plan", "ReadOnlyAccess"), ("apply", "PowerUserAccess")):
            name = f"ecommerce-dwh-{env}-github-{role}"
            found[name] = [*of_role(documents, name), managed[attached]]
    return found


@pytest.fixture(scope="module")
def refreshed(applied: Applied, applied_prod: Applied) -> dict[str, list[dict[str, Any]]]:
    """What the provider asks when it compares each environment with its state, and changes nothing."""
    found = {}
    for env, made in (("dev", applied), ("prod", applied_prod)):
        before = len(made.endpoint.calls())
        # The endpoint drops a few fields of what prod alone has (tags of a grant), hence a plan with changes.
        made.terraform.run("plan", "-input=false", "-no-color", *made.variables)
        found[env] = made.endpoint.calls()[before:]
    return found


def _secrets(made: Applied) -> dict[str, str]:
    found = made.endpoint.client("secretsmanager").list_secrets()["SecretList"]
    return {key: secret["ARN"] for secret in found for key in (secret["Name"], secret["ARN"])}


# Services that the endpoint has nothing of: what the provider's resources read
# (github.com/hashicorp/terraform-provider-aws, internal/service/{mwaa,redshiftserverless}).
_UNSEEN = [
    ("airflow:GetEnvironment", f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/ecommerce-dwh-{{env}}"),
    ("redshift-serverless:GetNamespace", f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:namespace/1"),
    ("redshift-serverless:GetWorkgroup", f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/1"),
    ("redshift-serverless:GetUsageLimit", "*"),
    ("redshift-serverless:ListTagsForResource", f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/1"),
]


@pytest.mark.parametrize("env", ["dev", "prod"])
@pytest.mark.parametrize("role", ["plan", "apply"])
def test_a_role_may_ask_what_a_plan_asks(
    applied: Applied, refreshed: dict[str, Any], roles: dict[str, Any], env: str, role: str
) -> None:
    secrets = _secrets(applied)
    questions = {asked(call, ACCOUNT, secrets) for call in refreshed[env]} - {None}
    questions |= {(action, resource.format(env=env)) for action, resource in _UNSEEN}
    assert len(questions) > 60
    assert [action for action, _ in questions if expand(action) != [action]] == []
    policies = roles[f"ecommerce-dwh-{env}-github-{role}"]
    assert sorted(question for question in questions if not allowed(policies, *question)) == []


@pytest.mark.parametrize("env", ["dev", "prod"])
@pytest.mark.parametrize("role", ["plan", "apply"])
def test_the_connection_in_the_state_is_compared_and_no_other_secret_read(
    applied: Applied, roles: dict[str, Any], env: str, role: str
) -> None:
    secrets = _secrets(applied)
    mine = secrets[f"airflow/ecommerce-dwh-{env}/connections/redshift_default"]
    readable = {
        arn
        for arn in secrets.values()
        if allowed(roles[f"ecommerce-dwh-{env}-github-{role}"], "secretsmanager:GetSecretValue", arn)
    }
    assert readable == {mine}
    via = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    key = next(
        secret["KmsKeyId"]
        for secret in applied.endpoint.client("secretsmanager").list_secrets()["SecretList"]
        if secret["ARN"] == mine
    )
    assert allowed(roles[f"ecommerce-dwh-{env}-github-{role}"], "kms:Decrypt", key, via)


_CLUSTER = "ecommerce-dwh-{env}-cluster"
_DATA = [
    ("s3:GetObject", "arn:aws:s3:::ecommerce-dwh-{env}-raw/customers/dt=2026-01-01/a.csv"),
    ("s3:GetObjectVersion", "arn:aws:s3:::ecommerce-dwh-{env}-raw/customers/dt=2026-01-01/a.csv"),
    ("s3:GetObject", f"arn:aws:s3:::ecommerce-dwh-tfstate-{ACCOUNT}/{{other}}/terraform.tfstate"),
    (
        "logs:GetLogEvents",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-ecommerce-dwh-{{env}}-Task:log-stream:x",
    ),
    ("logs:StartLiveTail", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-ecommerce-dwh-{{env}}-Task"),
    ("logs:StartQuery", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-ecommerce-dwh-{{env}}-Task"),
    ("redshift:GetClusterCredentials", f"arn:aws:redshift:{REGION}:{ACCOUNT}:dbuser:{_CLUSTER}/dwh_admin"),
    ("redshift-data:ExecuteStatement", f"arn:aws:redshift:{REGION}:{ACCOUNT}:cluster:{_CLUSTER}"),
    ("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:any"),
    ("glue:GetConnection", f"arn:aws:glue:{REGION}:{ACCOUNT}:connection/of-another-team"),
]


@pytest.mark.parametrize("env", ["dev", "prod"])
@pytest.mark.parametrize(("action", "resource"), _DATA)
def test_a_plan_reads_no_data(roles: dict[str, Any], env: str, action: str, resource: str) -> None:
    other = {"dev": "prod", "prod": "dev"}[env]
    assert not allowed(roles[f"ecommerce-dwh-{env}-github-plan"], action, resource.format(env=env, other=other))


def test_readonlyaccess_is_known_as_aws_has_it(managed: dict[str, Any]) -> None:
    """The two gaps that the roles fill are there; were AWS to close them, the statements could go."""
    text = json.dumps(managed["ReadOnlyAccess"])
    assert "glue:GetConnection" not in text
    assert "airflow:GetEnvironment" not in text
    assert "glue:GetSecurityConfiguration" in text
