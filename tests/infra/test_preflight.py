"""``make preflight``: green in an account that is ready, and one red line with its cure for each thing that is not.

Faults are injected at the HTTP edge of real clients; everything else is answered by the local AWS endpoint. Played by
account_edge.py, because the endpoint has no stand-in: Access Analyzer, Service Quotas, Cost Explorer, MWAA's list.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from account_edge import AccountEdge, Faults, error_response, quick_retries, success
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from conftest import ACCOUNT, REGION, Endpoint
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from terraform import REPO

from tools import preflight as tool
from tools.aws_checks.aws import Aws, StoppedError, permission_of
from tools.aws_checks.before import Before
from tools.aws_checks.rendered import Rendered, RenderError, Resource, render
from tools.aws_checks.report import Level, Line, fail, ok, show

STATE = f"ecommerce-dwh-tfstate-{ACCOUNT}"
_VALUES = {
    "TF_VAR_account_id": ACCOUNT,
    "TF_VAR_alert_email": "data@shop.example.org",
    "TF_VAR_github_repository": "shop/warehouse",
    "TF_VAR_account_suffix": "-preflight",
}


@pytest.fixture(scope="module")
def values() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TF_VAR_")]:
            patch.delenv(name)
        for name, value in _VALUES.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def dev(terraform_ready: None, values: None) -> Rendered:
    return render("dev", ACCOUNT)


@pytest.fixture(scope="module")
def prod(terraform_ready: None, values: None) -> Rendered:
    return render("prod", ACCOUNT)


@pytest.fixture
def state_bucket(endpoint: Endpoint) -> Iterator[str]:
    """The state bucket as the bootstrap makes it, without a state; another test's environment may have made it."""
    s3 = endpoint.client("s3")
    made = STATE not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    if made:
        s3.create_bucket(Bucket=STATE, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield STATE
    if made:
        s3.delete_bucket(Bucket=STATE)


@dataclasses.dataclass
class Account:
    """A ready account, and what a test does to it."""

    faults: Faults
    edge: AccountEdge
    rendered: Rendered

    def lines(self, env: str = "dev", account: str = ACCOUNT) -> list[Line]:
        with quick_retries():
            return tool.preflight(env, account, Aws(REGION, self.faults.session), self.rendered)

    def line(self, name: str, level: Level) -> Line:
        found = [line for line in self.lines() if line.name == name and line.level is level]
        assert found, f"no {level.value} line {name}"
        return found[0]

    def without(self, *types: str) -> None:
        self.rendered = dataclasses.replace(
            self.rendered, resources=tuple(r for r in self.rendered.resources if r.type not in types)
        )


@pytest.fixture
def account(
    endpoint: Endpoint, dev: Rendered, state_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    with AccountEdge() as edge:
        faults = Faults(endpoint, edge, monkeypatch)
        # The endpoint of a test session may hold an applied environment beside this one: its names are not of here.
        faults.refuse("iam", "GetRole", "NoSuchEntity", 404)
        faults.refuse("redshift", "DescribeClusters", "ClusterNotFound", 404, where=b"ClusterIdentifier")
        faults.refuse("budgets", "DescribeBudget", "NotFoundException")
        faults.refuse("s3", "HeadObject", "404", 404)
        faults.change("secretsmanager", "ListSecrets", lambda answer: answer.update(SecretList=[]))
        faults.change("iam", "ListOpenIDConnectProviders", lambda a: a.update(OpenIDConnectProviderList=[]))
        faults.change("s3", "GetBucketVersioning", lambda answer: answer.update(Status="Enabled"))
        faults.change("ec2", "DescribeVpcEndpointServices", _everywhere)
        yield Account(faults, edge, _lighter(dev))


def _lighter(rendered: Rendered) -> Rendered:
    """Two roles with their policies instead of all: a test of one check need not validate forty policies."""
    kept = [r.values["name"] for r in rendered.of("aws_iam_role")][:2]
    return dataclasses.replace(
        rendered,
        resources=tuple(
            r
            for r in rendered.resources
            if r.type not in ("aws_iam_role", "aws_iam_role_policy")
            or r.values.get("name") in kept
            or r.values.get("role") in kept
        ),
    )


def _everywhere(answer: dict[str, Any]) -> None:
    zones = [f"{REGION}{letter}" for letter in "abc"]
    names = [f"com.amazonaws.{REGION}.{name}" for name in _SERVICES]
    answer["ServiceDetails"] = [{"ServiceName": name, "AvailabilityZones": zones} for name in names]


_SERVICES = (
    "s3",
    "glue",
    "logs",
    "secretsmanager",
    "sts",
    "kms",
    "monitoring",
    "sqs",
    "airflow.api",
    "airflow.env",
    "airflow.ops",
    "redshift",
    "redshift-data",
    "redshift-serverless",
    "sns",
    "email-smtp",
    "ecr.api",
    "ecr.dkr",
    "events",
)


# --- the names and policies -------------------------------------------------------------------------------------------


def test_names_and_policies_are_terraforms_own(dev: Rendered, prod: Rendered) -> None:
    assert dev.names("aws_s3_bucket", "bucket") == [
        f"ecommerce-dwh-dev-{purpose}-preflight" for purpose in ("logs", "processed", "raw", "scripts")
    ]
    assert "ecommerce-dwh-dev" in dev.names("aws_mwaa_environment")
    assert dev.regions == ["ap-south-1"]
    assert prod.regions == ["ap-south-1", "ap-south-2"]
    from tools.aws_checks.policies import policies

    for rendered in (dev, prod):
        documents = policies(rendered)
        assert len(documents) > 30
        for policy in documents:
            assert json.loads(policy.document)["Statement"], policy.address
            assert (
                ACCOUNT in policy.document or "Principal" in policy.document or "mocked" not in policy.document
            )


def test_values_that_terraform_refuses_are_one_line(values: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_account_id", "12345")
    with pytest.raises(RenderError, match="12 digits of the AWS account"):
        render("dev", ACCOUNT)


# --- a ready account --------------------------------------------------------------------------------------------------


def test_a_ready_account_has_no_red_line(account: Account, dev: Rendered) -> None:
    account.rendered = dev
    lines = account.lines()
    assert [line for line in lines if line.level is Level.FAIL] == []
    # In an account in which nothing ever ran, the service-linked roles are not there yet.
    assert {line.name for line in lines if line.level is Level.WARN} == {"service-linked role"}
    names = {line.name for line in lines}
    assert {"account", "state bucket", "region", "zones", "endpoint services", "policies", "cost tags"} <= names
    assert any(name.startswith("quota: ") for name in names)


def test_nothing_is_changed_and_the_page_names_every_permission(account: Account) -> None:
    sent: list[tuple[str, str]] = []
    account.faults.session.events.register(
        "before-call", lambda model, **_: sent.append((model.service_model.service_name, model.name))
    )
    account.lines()
    assert len(sent) > 30
    reads = ("Get", "List", "Describe", "Head", "Validate")
    assert [name for _, name in sent if not name.startswith(reads)] == []
    page = (REPO / "docs" / "deployment.md").read_text()
    needed = {permission_of(service, name) for service, name in sent}
    assert sorted(permission for permission in needed if f"`{permission}`" not in page) == []


# --- each failure -----------------------------------------------------------------------------------------------------


def _deleted(answer: dict[str, Any], name: str) -> None:
    answer["SecretList"] = [{"Name": name, "DeletedDate": "2026-01-01"}]


def _wrong_region(answer: dict[str, Any]) -> None:
    answer["Regions"] = [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]


def _no_service(answer: dict[str, Any]) -> None:
    answer["ServiceDetails"] = [d for d in answer["ServiceDetails"] if not d["ServiceName"].endswith(".glue")]


def _fewer_zones(answer: dict[str, Any]) -> None:
    for detail in answer["ServiceDetails"]:
        if detail["ServiceName"].endswith(".logs"):
            detail["AvailabilityZones"] = [f"{REGION}b", f"{REGION}c"]


def _no_zone(answer: dict[str, Any]) -> None:
    answer["AvailabilityZones"] = [{"ZoneName": f"{REGION}{letter}", "State": "available"} for letter in "ab"]


def _github(answer: dict[str, Any]) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    answer["OpenIDConnectProviderList"] = [{"Arn": arn}]


def _quota(service: str, code: str) -> Callable[[Account], None]:
    def break_it(account: Account) -> None:
        account.edge.quotas[service][code] = (account.edge.quotas[service][code][0], 0)

    return break_it


def _policy(document: str) -> Callable[[Account], None]:
    def break_it(account: Account) -> None:
        broken = Resource(
            "module.platform.x.aws_iam_policy.broken", "aws_iam_policy", {"name": "x", "policy": document}
        )
        account.rendered = dataclasses.replace(
            account.rendered, resources=(*account.rendered.resources, broken)
        )

    return break_it


def _statement(**parts: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})


def _facts(**changes: str) -> Callable[[Account], None]:
    def break_it(account: Account) -> None:
        account.rendered = dataclasses.replace(account.rendered, facts={**account.rendered.facts, **changes})

    return break_it


def _change(service: str, operation: str, how: Callable[[dict[str, Any]], None]) -> Callable[[Account], None]:
    return lambda account: account.faults.change(service, operation, how)


def _refuse(service: str, operation: str, code: str, status: int) -> Callable[[Account], None]:
    return lambda account: _first(account, service, operation, code, status)


def _first(account: Account, service: str, operation: str, code: str, status: int) -> None:
    """Refuse before the fixture's own answers are asked."""
    account.faults.session.events.register_first(
        f"before-send.{service}.{operation}",
        lambda request, **_: error_response(request.url, service, code, status),
    )


_SECRETS = "airflow/ecommerce-dwh-dev/connections"
_FAILURES: dict[str, tuple[Callable[[Account], None], str, str, str]] = {
    # what is broken: how, line, what it says, what its cure says
    "region off": (
        _change("ec2", "DescribeRegions", _wrong_region),
        "region",
        "is off",
        "aws account enable-region",
    ),
    "zone missing": (
        _change("ec2", "DescribeAvailabilityZones", _no_zone),
        "zones",
        "ap-south-1c",
        "describe-avail",
    ),
    "service missing": (
        _change("ec2", "DescribeVpcEndpointServices", _no_service),
        "endpoint services",
        ".glue is not offered",
        "network",
    ),
    "service not in a zone": (
        _change("ec2", "DescribeVpcEndpointServices", _fewer_zones),
        "endpoint services",
        "ap-south-1a",
        "zones",
    ),
    "no VPC left": (_quota("vpc", "L-F678F1CE"), "quota: VPCs", "0 allowed", "--quota-code L-F678F1CE"),
    "no address left": (
        _quota("ec2", "L-0263D0A3"),
        "quota: elastic addresses",
        "0 allowed",
        "request-service-quota",
    ),
    "no NAT gateway left": (
        _quota("vpc", "L-FE5A380F"),
        "quota: NAT gateways in a zone",
        "0 allowed",
        "L-FE5A380F",
    ),
    "no endpoint left": (_quota("vpc", "L-29B6F2EB"), "quota: endpoints of a VPC", "0 allowed", "L-29B6F2EB"),
    "no node left": (
        _quota("redshift", "L-11111111"),
        "quota: Redshift nodes",
        "0 allowed",
        "--service-code redshift",
    ),
    "no Airflow left": (
        _quota("airflow", "L-44444444"),
        "quota: Airflow environments",
        "0 allowed",
        "--service-code air",
    ),
    "bucket of another account": (
        _refuse("s3", "HeadBucket", "403", 403),
        "bucket names",
        "another account",
        "account_suffix",
    ),
    "secret being deleted": (
        _change("secretsmanager", "ListSecrets", lambda a: _deleted(a, f"{_SECRETS}/smtp_default")),
        "secret names",
        "scheduled for deletion",
        "--force-delete-without-recovery",
    ),
    "GitHub there": (
        _change("iam", "ListOpenIDConnectProviders", _github),
        "GitHub sign-in",
        "already",
        "create_github_oidc_provider = false",
    ),
    "GitHub nowhere": (
        lambda account: account.without("aws_iam_openid_connect_provider"),
        "GitHub sign-in",
        "would not register",
        "remove",
    ),
    "no versions of the state": (
        _change("s3", "GetBucketVersioning", lambda answer: answer.pop("Status")),
        "state bucket",
        "no old versions",
        "put-bucket-versioning",
    ),
    "wildcard service in a policy": (
        _policy(_statement(Action="s3:Get*", Resource="arn:aws:*:*:123456789012:*")),
        "policy",
        "INVALID_ARN",
        "change the policy",
    ),
    "policy that allows everything": (
        _policy(_statement(Action="*", Resource="*")),
        "policy",
        "PASS_ROLE",
        "change the policy",
    ),
    "policy too long": (
        _policy(_statement(Action="s3:GetObject", Resource=[f"arn:aws:s3:::bucket-{n}/*" for n in range(400)])),
        "policy size",
        "6144 allowed",
        "split it",
    ),
    "wrong account in the values": (
        _facts(account_id="999999999999"),
        "account_id",
        "999999999999",
        "set account_id",
    ),
    "no address": (_facts(alert_email="nobody"), "alert_email", "no address", "set alert_email"),
}


@pytest.mark.parametrize("fault", _FAILURES)
def test_each_failure_is_one_red_line_with_its_cure(account: Account, fault: str) -> None:
    break_it, name, found, cure = _FAILURES[fault]
    break_it(account)
    red = [line for line in account.lines() if line.level is Level.FAIL]
    # The state bucket is asked for in the same way as the others.
    also = {"state bucket"} if fault.startswith("bucket") else set()
    assert {line.name for line in red} - also == {name}
    line = next(line for line in red if line.name == name)
    assert found in line.found
    assert cure in line.fix


def test_every_endpoint_of_an_environment_without_nat_is_asked_for(account: Account, prod: Rendered) -> None:
    """Prod has no way to the internet, so a service that its region lacks, or has in fewer zones, stops MWAA."""
    planned = [str(r.values["service_name"]) for r in prod.of("aws_vpc_endpoint")]
    assert {f"com.amazonaws.{REGION}.airflow.{part}" for part in ("api", "env", "ops")} < set(planned)
    lost: dict[str, list[str]] = {}

    def lose(answer: dict[str, Any]) -> None:
        there = [
            {**d, "AvailabilityZones": lost.get(d["ServiceName"], d["AvailabilityZones"])}
            for d in answer["ServiceDetails"]
        ]
        answer["ServiceDetails"] = [d for d in there if d["AvailabilityZones"]]

    account.faults.change("ec2", "DescribeVpcEndpointServices", lose)
    before = Before("prod", ACCOUNT, Aws(REGION, account.faults.session), prod)
    assert [line.level for line in before.endpoints()] == [Level.OK]
    for name in planned:
        lost.clear()
        lost[name] = []
        (line,) = before.endpoints()
        assert line.found == f"{name} is not offered in this region"
        if not name.endswith(".s3"):  # a gateway stands in route tables, in no zone
            lost[name] = [f"{REGION}{letter}" for letter in "ab"]
            (line,) = before.endpoints()
            assert line.found == f"{name} is not offered in {REGION}c"


def test_no_state_bucket(account: Account) -> None:
    _first(account, "s3", "HeadBucket", "404", 404)
    assert "infrastructure/bootstrap apply" in account.line("state bucket", Level.FAIL).fix


@pytest.mark.parametrize(
    ("service", "operation", "name", "answer"),
    [
        ("iam", "GetRole", "role names", lambda a: a.update(Role={"RoleName": "x"})),
        ("redshift", "DescribeClusters", "warehouse name", lambda a: a.update(Clusters=[])),
        ("budgets", "DescribeBudget", "budget", lambda a: a.update(Budget={})),
        ("s3", "HeadBucket", "bucket names", lambda _answer: None),
    ],
)
def test_names_that_are_there_without_a_state_are_red_and_with_it_are_not(
    account: Account, service: str, operation: str, name: str, answer: Callable[[dict[str, Any]], None]
) -> None:
    def found(request: Any, **_: object) -> Any:
        from botocore.awsrequest import AWSResponse
        from urllib3 import HTTPResponse

        return AWSResponse(
            request.url, 200, {}, HTTPResponse(body=io.BytesIO(_BODIES[service]), preload_content=False)
        )

    account.faults.session.events.register_first(f"before-send.{service}.{operation}", found)
    assert account.line(name, Level.FAIL).found.startswith("there already")
    account.faults.session.events.register_first(
        "before-send.s3.HeadObject", lambda request, **_: success(request.url, b"")
    )
    assert "from an earlier apply" in account.line(name, Level.OK).found


_BODIES = {
    "s3": b"",
    "budgets": b'{"Budget": {}}',
    "iam": b"<GetRoleResponse><GetRoleResult><Role><RoleName>x</RoleName></Role></GetRoleResult></GetRoleResponse>",
    "redshift": (
        b"<DescribeClustersResponse><DescribeClustersResult><Clusters/></DescribeClustersResult>"
        b"</DescribeClustersResponse>"
    ),
}


def test_inactive_cost_tags_and_example_values_are_yellow(account: Account) -> None:
    account.edge.tags = {"Project"}
    _facts(alert_email="data-eng@company.com", github_repository="company/ecommerce-dwh")(account)
    assert "update-cost-allocation-tags-status" in account.line("cost tags", Level.WARN).fix
    assert account.line("alert_email", Level.WARN)
    assert account.line("github_repository", Level.WARN)


# --- what AWS may refuse --------------------------------------------------------------------------------------------

_CALLS = [
    ("ec2", "DescribeRegions", "ec2:DescribeRegions"),
    ("ec2", "DescribeAvailabilityZones", "ec2:DescribeAvailabilityZones"),
    ("ec2", "DescribeVpcEndpointServices", "ec2:DescribeVpcEndpointServices"),
    ("service-quotas", "GetServiceQuota", "servicequotas:GetServiceQuota"),
    ("ec2", "DescribeVpcs", "ec2:DescribeVpcs"),
    ("service-quotas", "ListServiceQuotas", "servicequotas:ListServiceQuotas"),
    ("mwaa", "ListEnvironments", "airflow:ListEnvironments"),
    ("iam", "GetRole", "iam:GetRole"),
    ("secretsmanager", "ListSecrets", "secretsmanager:ListSecrets"),
    ("s3", "HeadObject", "s3:GetObject"),
    ("iam", "ListOpenIDConnectProviders", "iam:ListOpenIDConnectProviders"),
    ("accessanalyzer", "ValidatePolicy", "access-analyzer:ValidatePolicy"),
    ("budgets", "DescribeBudget", "budgets:ViewBudget"),
    ("ce", "ListCostAllocationTags", "ce:ListCostAllocationTags"),
]
_DENIALS = {"ec2": "UnauthorizedOperation", "iam": "AccessDenied", "redshift": "AccessDenied", "s3": "403"}


@pytest.mark.parametrize(("service", "operation", "permission"), _CALLS, ids=[call[2] for call in _CALLS])
def test_a_refused_call_names_its_permission_and_the_others_go_on(
    account: Account, service: str, operation: str, permission: str
) -> None:
    _first(account, service, operation, _DENIALS.get(service, "AccessDeniedException"), 403)
    lines = account.lines()
    told = [line for line in lines if line.level is Level.WARN and permission in line.found]
    assert told, f"no yellow line names {permission}"
    assert permission in told[0].fix
    assert len([line for line in lines if line.level is Level.OK]) > 8
    assert not [line for line in lines if line.level is Level.FAIL]


@given(
    service=st.sampled_from(["ec2", "iam", "ce"]),
    operation=st.from_regex(r"Describe[A-Z][a-z]{3,20}", fullmatch=True),
)
def test_permissions_are_named_after_service_and_operation(service: str, operation: str) -> None:
    assert permission_of(service, operation) == f"{service}:{operation}"
    assert permission_of("mwaa", operation) == f"airflow:{operation}"


def test_throttled_calls_are_repeated(account: Account) -> None:
    seen: list[str] = []

    def throttle(request: Any, **_: object) -> Any:
        if len(seen) < 3:
            seen.append(request.url)
            return error_response(request.url, "secretsmanager", "ThrottlingException", 400)
        return None

    account.faults.session.events.register_first("before-send.secretsmanager.ListSecrets", throttle)
    assert account.line("secret names", Level.OK)
    assert len(seen) == 3


def test_calls_that_stay_throttled_are_yellow(account: Account) -> None:
    _first(account, "secretsmanager", "ListSecrets", "ThrottlingException", 400)
    assert "throttled" in account.line("secret names", Level.WARN).found


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EndpointConnectionError(endpoint_url="https://sts"), "AWS cannot be reached"),
        (ConnectTimeoutError(endpoint_url="https://sts"), "AWS cannot be reached"),
        (NoCredentialsError(), "There are no AWS credentials"),
    ],
)
def test_without_network_or_credentials_there_is_one_sentence(
    account: Account, error: Exception, said: str
) -> None:
    account.faults.cut(error)
    with pytest.raises(StoppedError, match=said) as caught:
        account.lines()
    assert "\n" not in str(caught.value)


def test_a_network_that_breaks_on_the_way_is_one_sentence(account: Account) -> None:
    def broken(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://ec2")

    account.faults.session.events.register_first("before-send.ec2.DescribeRegions", broken)
    with pytest.raises(StoppedError, match="AWS cannot be reached"):
        account.lines()


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_that_aws_does_not_take_are_one_sentence(account: Account, code: str) -> None:
    _first(account, "sts", "GetCallerIdentity", code, 403)
    with pytest.raises(StoppedError, match=f"does not accept these credentials .{code}"):
        account.lines()


def test_another_account_stops_everything(account: Account) -> None:
    with pytest.raises(StoppedError, match=f"for account {ACCOUNT}, not 222222222222"):
        account.lines(account="222222222222")
    assert account.edge.asked == []


@pytest.mark.parametrize("number", ["", "dev", "12345"])
def test_the_account_must_be_named(account: Account, number: str) -> None:
    with pytest.raises(StoppedError, match="Say which account"):
        account.lines(account=number)


# --- what a person sees ---------------------------------------------------------------------------------------------


def test_the_table_names_every_check_and_its_cure() -> None:
    text = io.StringIO()
    lines = [ok("region", "on"), fail("bucket names", "taken", "set account_suffix")]
    code = show("Preflight", lines, Console(file=text, width=100))
    assert code == 1
    assert "✘ bucket names  taken" in " ".join(text.getvalue().split()).replace(
        "bucket names taken", "bucket names  taken"
    )
    assert "→ set account_suffix" in text.getvalue()
    assert "1 green, 0 yellow, 1 red" in text.getvalue()
    assert show("Preflight", lines[:1], Console(file=text)) == 0


def test_a_red_line_without_a_cure_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="says what to do"):
        fail("x", "y", "")


def test_the_command_refuses_before_terraform_starts(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["--env", "dev", "--account", "222222222222"]) == 2
    assert "sign in to 222222222222" in " ".join(capsys.readouterr().out.split())
