"""``make verify``: green for the network that Terraform made and a healthy Airflow, one red line for each fault.

Network, key, buckets, roles, alarms and topic are those of the applied dev environment on the local AWS endpoint.
Played, because the endpoint has no stand-in: Airflow's environment and REST API, the Redshift Data API, and IAM's
policy simulator, which is answered by the evaluator of policies.py over the role's own policies. The module's name
keeps it before test_terraform_apply.py, which destroys the environment at its end.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from account_edge import AccountEdge, Faults, error_response, quick_retries, success
from botocore.exceptions import EndpointConnectionError
from conftest import ACCOUNT, REGION, Applied
from simulator import allowed
from terraform import REPO

from ecommerce_dwh.settings import Settings
from tools import verify as tool
from tools.aws_checks.aws import Aws, StoppedError, permission_of
from tools.aws_checks.canary import Canary
from tools.aws_checks.network import _lets
from tools.aws_checks.report import Level, Line

SETTINGS = Settings(env="dev", include_dir=REPO / "include")
DAGS = re.findall(
    r'dag_id="([^"]+)"', "".join(path.read_text() for path in sorted((REPO / "dags").glob("*.py")))
)
_COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass
class World:
    """A healthy environment, and what a test does to it."""

    faults: Faults
    environment: dict[str, Any]
    rest: dict[str, Any]
    statements: dict[str, Any] = field(
        default_factory=lambda: {"rows": [[{"longValue": 1}]], "error": "", "sql": []}
    )
    answers: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def lines(self, canary: bool = False, account: str = ACCOUNT) -> list[Line]:
        aws = Aws(REGION, self.faults.session)
        run = Canary(aws, SETTINGS, poll_seconds=0, minutes=0.001) if canary else None
        with quick_retries():
            return tool.verify(SETTINGS, account, aws, run)

    def answer(self, service: str, operation: str, how: Callable[[Any], Any]) -> None:
        """Answer calls of an operation; a later answer takes the place of an earlier one."""
        event = f"before-send.{service}.{operation}"
        if event not in self.answers:
            self.faults.session.events.register_first(
                event, lambda request, **more: self.answers[event](request=request, **more)
            )
        self.answers[event] = how


def _json(document: Any) -> Callable[..., Any]:
    return lambda request, **_: success(request.url, json.dumps(document).encode())


@pytest.fixture(scope="module")
def described(applied: Applied) -> dict[str, Any]:
    return _environment(applied)


@pytest.fixture
def world(applied: Applied, described: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with AccountEdge() as edge:
        faults = Faults(applied.endpoint, edge, monkeypatch)
        made = World(faults, copy.deepcopy(described), _healthy())
        _play_airflow(made)
        _play_statements(made)
        _play_simulator(made, applied)
        # What a person does or the endpoint does not keep: a filled secret, a confirmed mail, judged alarms, versions.
        faults.change("secretsmanager", "DescribeSecret", _filled)
        faults.change("sns", "ListSubscriptionsByTopic", _confirmed)
        faults.change("logs", "FilterLogEvents", _pip("[INFO] - Successfully installed holidays-0.84"))
        faults.change(
            "cloudwatch", "DescribeAlarms", lambda a: [x.update(StateValue="OK") for x in a["MetricAlarms"]]
        )
        faults.change("s3", "GetBucketVersioning", lambda answer: answer.update(Status="Enabled"))
        faults.session.events.register(
            "before-send.s3.HeadObject", lambda request, **_: success(request.url, b"")
        )
        yield made


def _filled(answer: dict[str, Any]) -> None:
    answer["VersionIdsToStages"] = {"1": ["AWSCURRENT"]}


def _confirmed(answer: dict[str, Any]) -> None:
    for item in answer["Subscriptions"]:
        item["SubscriptionArn"] = f"arn:aws:sns:{REGION}:{ACCOUNT}:ecommerce-dwh-dev-alerts:1"


def _pip(line: str) -> Callable[[dict[str, Any]], None]:
    """The requirements log of a component holds one line."""
    return lambda answer: answer.update(events=[{"message": line}])


def _environment(applied: Applied) -> dict[str, Any]:
    """As MWAA would describe the environment that modules/mwaa asks for."""
    state = json.loads(applied.terraform.run("show", "-json").stdout)["values"]["root_module"]
    resources = {r["address"]: r["values"] for r in _resources(state)}
    network, security = "module.platform.module.network", "module.platform.module.security"
    kinds = ("DagProcessing", "Scheduler", "Task", "Webserver", "Worker")
    return {
        "Name": SETTINGS.prefix,
        "Status": "AVAILABLE",
        "CreatedAt": 1_764_000_000,
        "AirflowVersion": "3.3.1",
        "Arn": f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{SETTINGS.prefix}",
        "ExecutionRoleArn": resources[f"{security}.aws_iam_role.airflow"]["arn"],
        "KmsKey": resources[f"{security}.aws_kms_key.this"]["arn"],
        "SourceBucketArn": f"arn:aws:s3:::{SETTINGS.scripts_bucket}",
        "PluginsS3Path": "mwaa/plugins.zip",
        "RequirementsS3Path": "mwaa/requirements.txt",
        "NetworkConfiguration": {
            "SubnetIds": [resources[f"{network}.aws_subnet.private[{n}]"]["id"] for n in (0, 1)],
            "SecurityGroupIds": [resources[f"{network}.aws_security_group.mwaa"]["id"]],
        },
        "LoggingConfiguration": {f"{kind}Logs": {"Enabled": True} for kind in kinds},
    }


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _healthy() -> dict[str, Any]:
    return {
        "/monitor/health": {name: {"status": "healthy"} for name in _COMPONENTS},
        "/importErrors": {"import_errors": []},
        "/dags": {"dags": [{"dag_id": name, "last_parsed_time": "2026-12-01T00:00:00Z"} for name in DAGS]},
    }


def _play_airflow(world: World) -> None:
    def environment(request: Any, **_: object) -> Any:
        return success(request.url, json.dumps({"Environment": world.environment}).encode())

    def rest(request: Any, **_: object) -> Any:
        asked = json.loads(request.body)
        document = {"RestApiStatusCode": 200, "RestApiResponse": world.rest[asked["Path"]]}
        return success(request.url, json.dumps(document).encode())

    world.answer("mwaa", "GetEnvironment", environment)
    world.answer("mwaa", "InvokeRestApi", rest)


def _play_statements(world: World) -> None:
    """The Data API: a statement is accepted, described, and its rows fetched."""

    def started(request: Any, **_: object) -> Any:
        asked = json.loads(request.body)
        world.statements["sql"] += asked.get("Sqls") or [asked["Sql"]]
        return success(request.url, json.dumps({"Id": "s"}).encode())

    def described(request: Any, **_: object) -> Any:
        error = world.statements["error"]
        document = {
            "Id": "s",
            "Status": "FAILED" if error else "FINISHED",
            "Error": error,
            "HasResultSet": True,
        }
        return success(request.url, json.dumps(document).encode())

    for operation in ("ExecuteStatement", "BatchExecuteStatement"):
        world.answer("redshift-data", operation, started)
    world.answer("redshift-data", "DescribeStatement", described)
    world.answer(
        "redshift-data",
        "GetStatementResult",
        lambda request, **_: success(request.url, json.dumps({"Records": world.statements["rows"]}).encode()),
    )


_SIMULATED = (
    "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>{members}</EvaluationResults>"
    "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
)


def _decision(action: str, resource: str, is_allowed: bool) -> str:
    decision = "allowed" if is_allowed else "implicitDeny"
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision></member>"
    )


def _play_simulator(world: World, applied: Applied) -> None:
    """IAM's SimulatePrincipalPolicy over the inline policies and the boundary that the role really has."""
    iam = applied.endpoint.client("iam")

    def boundary(role: str) -> list[Any]:
        arn = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return [iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]]

    def simulated(request: Any, **_: object) -> Any:
        text = request.body.decode() if isinstance(request.body, bytes) else request.body
        asked = {key: values[0] for key, values in parse_qs(text).items()}
        role, resource = asked["PolicySourceArn"].rpartition("/")[2], asked["ResourceArns.member.1"]
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        names = [key for key in asked if key.endswith("ContextKeyName")]
        context = {
            asked[key]: asked[key.replace("ContextKeyName", "ContextKeyValues.member.1")] for key in names
        }
        actions = [asked[key] for key in sorted(asked) if key.startswith("ActionNames.member.")]
        limit = boundary(role)
        members = [
            _decision(action, resource, allowed(documents, action, resource, context, limit))
            for action in actions
        ]
        return success(request.url, _SIMULATED.format(members="".join(members)).encode())

    world.answer("iam", "SimulatePrincipalPolicy", simulated)


# --- green ----------------------------------------------------------------------------------------------------------


def test_what_terraform_made_has_no_red_line(world: World) -> None:
    lines = world.lines()
    assert [line for line in lines if line.level is not Level.OK] == []
    assert {line.name for line in lines} == {
        "account",
        "Airflow environment",
        "subnets",
        "routes",
        "access lists",
        "security group",
        "endpoints",
        "key",
        "code bucket",
        "role",
        "logs",
        "requirements",
        "Airflow health",
        "DAGs",
        "mail connection",
        "warehouse",
        "alarms",
        "alert mails",
    }


def test_without_the_tiny_run_nothing_is_written(world: World) -> None:
    sent: list[str] = []
    world.faults.session.events.register("before-call", lambda model, **_: sent.append(model.name))
    world.lines()
    reads = ("Get", "List", "Describe", "Head", "Filter", "Simulate", "InvokeRestApi", "ExecuteStatement")
    assert len(sent) > 25
    assert [name for name in sent if not name.startswith(reads)] == []
    assert all(sql.startswith("select") for sql in world.statements["sql"])


# --- each fault -----------------------------------------------------------------------------------------------------


def _change(service: str, operation: str, how: Callable[[dict[str, Any]], Any]) -> Callable[[World], None]:
    return lambda world: world.faults.change(service, operation, how)


def _set(**values: Any) -> Callable[[World], None]:
    return lambda world: world.environment.update(values)


def _rest(path: str, document: Any) -> Callable[[World], None]:
    return lambda world: world.rest.update({path: document})


def _refused(service: str, operation: str, code: str, status: int = 400) -> Callable[[World], None]:
    return lambda world: world.answer(
        service, operation, lambda request, **_: error_response(request.url, service, code, status)
    )


def _routes(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(answer: dict[str, Any]) -> None:
        for table in answer["RouteTables"]:
            for route in table["Routes"]:
                if route.get("NatGatewayId"):
                    route.update(changes)

    return change


def _closed(egress: bool) -> Callable[[dict[str, Any]], None]:
    deny = {"RuleNumber": 1, "Protocol": "-1", "RuleAction": "deny", "Egress": egress, "CidrBlock": "0.0.0.0/0"}
    return lambda answer: [acl["Entries"].insert(0, deny) for acl in answer["NetworkAcls"]]


def _group(key: str, rules: list[dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
    return lambda answer: [group.update({key: rules}) for group in answer["SecurityGroups"]]


def _endpoint(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(answer: dict[str, Any]) -> None:
        next(e for e in answer["VpcEndpoints"] if e["VpcEndpointType"] == "Interface").update(changes)

    return change


def _no_s3(answer: dict[str, Any]) -> None:
    answer["VpcEndpoints"] = [e for e in answer["VpcEndpoints"] if not e["ServiceName"].endswith(".s3")]


def _public(answer: dict[str, Any]) -> None:
    answer["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def _alarm(answer: dict[str, Any]) -> None:
    answer["MetricAlarms"][0]["StateValue"] = "ALARM"


def _paused(answer: dict[str, Any]) -> None:
    answer["Clusters"][0]["ClusterStatus"] = "paused"


def _another_role(world: World) -> None:
    world.environment["ExecutionRoleArn"] = world.environment["ExecutionRoleArn"].replace(
        "-airflow", "-redshift-copy"
    )


def _one_subnet(world: World) -> None:
    world.environment["NetworkConfiguration"]["SubnetIds"].pop()


def _logs_off(world: World) -> None:
    world.environment["LoggingConfiguration"] = {
        **world.environment["LoggingConfiguration"],
        "TaskLogs": {"Enabled": False},
    }


_BROKEN = {
    "import_errors": [{"filename": "daily.py", "stack_trace": "Traceback\nModuleNotFoundError: holidays"}]
}
_FAULTS: dict[str, tuple[Callable[[World], None], str, str, str]] = {
    # what is broken: how, line, what it says, what its cure says
    "creation failed": (
        _set(Status="CREATE_FAILED", LastUpdate={"Error": {"ErrorMessage": "no route"}}),
        "Airflow environment",
        "CREATE_FAILED. no route",
        "the lines below",
    ),
    "one subnet": (_one_subnet, "subnets", "two in two", "modules/network"),
    "public subnet": (
        _change("ec2", "DescribeSubnets", lambda a: a["Subnets"][0].update(MapPublicIpOnLaunch=True)),
        "subnets",
        "gives public addresses",
        "modules/network",
    ),
    "internet gateway": (
        _change("ec2", "DescribeRouteTables", _routes(NatGatewayId=None, GatewayId="igw-1")),
        "routes",
        "internet gateway",
        "modules/network",
    ),
    "NAT is gone": (
        _change("ec2", "DescribeRouteTables", _routes(State="blackhole")),
        "routes",
        "leads nowhere",
        "modules",
    ),
    "no S3 endpoint": (
        _change("ec2", "DescribeVpcEndpoints", _no_s3),
        "routes",
        "no route to the S3 endpoint",
        "modules",
    ),
    "list closed outwards": (
        _change("ec2", "DescribeNetworkAcls", _closed(True)),
        "access lists",
        "HTTPS out",
        "default list",
    ),
    "list closed inwards": (
        _change("ec2", "DescribeNetworkAcls", _closed(False)),
        "access lists",
        "answers in",
        "default list",
    ),
    "group does not trust itself": (
        _change("ec2", "DescribeSecurityGroups", _group("IpPermissions", [])),
        "security group",
        "own members",
        "modules",
    ),
    "group lets nothing out": (
        _change("ec2", "DescribeSecurityGroups", _group("IpPermissionsEgress", [])),
        "security group",
        "port 443",
        "modules",
    ),
    "group open to the world": (
        _change(
            "ec2",
            "DescribeSecurityGroups",
            lambda a: a["SecurityGroups"][0]["IpPermissions"].append(
                {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            ),
        ),
        "security group",
        "whole internet",
        "modules",
    ),
    "endpoint fails": (
        _change("ec2", "DescribeVpcEndpoints", _endpoint(State="failed")),
        "endpoints",
        "is failed",
        "modules",
    ),
    "endpoint without a name": (
        _change("ec2", "DescribeVpcEndpoints", _endpoint(PrivateDnsEnabled=False)),
        "endpoints",
        "no private name",
        "modules",
    ),
    "key disabled": (
        _change("kms", "DescribeKey", lambda a: a["KeyMetadata"].update(KeyState="Disabled")),
        "key",
        "Disabled",
        "enable-key",
    ),
    "public bucket": (
        _change("s3", "GetPublicAccessBlock", _public),
        "code bucket",
        "public access",
        "put-public-access",
    ),
    "no public access block": (
        _refused("s3", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", 404),
        "code bucket",
        "public access",
        "put-",
    ),
    "no versions": (
        _change("s3", "GetBucketVersioning", lambda a: a.pop("Status")),
        "code bucket",
        "not versioned",
        "put-bucket-versioning",
    ),
    "no code": (
        _refused("s3", "HeadObject", "404", 404),
        "code bucket",
        "has no mwaa/plugins.zip",
        "make deploy",
    ),
    "another role": (_another_role, "role", "may not: airflow:PublishMetrics", "role_airflow.tf"),
    "logs off": (_logs_off, "logs", "TaskLogs are off", "modules/mwaa"),
    "pip conflict": (
        _change("logs", "FilterLogEvents", _pip("[ERROR] - ResolutionImpossible: httpx2")),
        "requirements",
        "pip failed on MWAA's Scheduler",
        "make package",
    ),
    "scheduler ill": (
        _rest("/monitor/health", {"scheduler": {"status": "unhealthy"}}),
        "Airflow health",
        "not healthy: scheduler",
        "logs tail",
    ),
    "import error": (_rest("/importErrors", _BROKEN), "DAGs", "ModuleNotFoundError: holidays", "DAGProcessing"),
    "DAG not parsed": (
        _rest("/dags", {"dags": []}),
        "DAGs",
        "not parsed yet: ecommerce_dwh_bootstrap",
        "five minutes",
    ),
    "no mail connection": (
        _change("secretsmanager", "DescribeSecret", lambda a: a.pop("VersionIdsToStages")),
        "mail connection",
        "is empty",
        "docs/",
    ),
    "warehouse paused": (
        _change("redshift", "DescribeClusters", _paused),
        "warehouse",
        "is paused",
        "resume-cluster",
    ),
    "warehouse refuses": (
        lambda world: world.statements.update(error="password authentication failed"),
        "warehouse",
        "password authentication",
        "redshift-unhealthy",
    ),
    "no tables": (
        lambda world: world.statements.update(rows=[[{"longValue": 0}]]),
        "warehouse",
        "no tables yet",
        "ecommerce_dwh_bootstrap",
    ),
    "alarm": (
        _change("cloudwatch", "DescribeAlarms", _alarm),
        "alarms",
        "in alarm: ecommerce-dwh-dev-",
        "docs/alerts.md",
    ),
    "no alarms": (
        _change("cloudwatch", "DescribeAlarms", lambda a: a.update(MetricAlarms=[])),
        "alarms",
        "there is none",
        "monitoring",
    ),
    "mail not confirmed": (
        _change(
            "sns",
            "ListSubscriptionsByTopic",
            lambda a: [s.update(SubscriptionArn="PendingConfirmation") for s in a["Subscriptions"]],
        ),
        "alert mails",
        "nobody has confirmed",
        "Subscription Confirmation",
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_each_fault_is_one_red_line_with_its_cure(world: World, fault: str) -> None:
    break_it, name, found, cure = _FAULTS[fault]
    break_it(world)
    red = [line for line in world.lines() if line.level is Level.FAIL]
    # Without a way out by NAT, the endpoints that dev does without are missing too.
    also = {"endpoints"} if fault in ("internet gateway", "NAT is gone") else set()
    assert {line.name for line in red} - also == {name}
    line = next(line for line in red if line.name == name)
    assert found in line.found
    assert cure in line.fix


def test_a_workgroup_is_asked_by_its_admins_secret(world: World) -> None:
    """Serverless: the Data API takes no database user there."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redshift!ecommerce-dwh-dev-dwh_admin"
    _refused("redshift", "DescribeClusters", "ClusterNotFound", 404)(world)
    workgroup = {"workgroup": {"workgroupName": SETTINGS.cluster, "status": "AVAILABLE"}}
    world.answer("redshift-serverless", "GetWorkgroup", _json(workgroup))
    world.answer(
        "redshift-serverless", "GetNamespace", _json({"namespace": {"adminPasswordSecretArn": secret}})
    )
    asked: list[dict[str, Any]] = []
    world.faults.session.events.register(
        "provide-client-params.redshift-data.ExecuteStatement", lambda params, **_: asked.append(dict(params))
    )
    assert next(line for line in world.lines() if line.name == "warehouse").level is Level.OK
    assert [{k: v for k, v in params.items() if k not in ("Sql", "StatementName")} for params in asked] == [
        {"WorkgroupName": SETTINGS.cluster, "Database": SETTINGS.database, "SecretArn": secret}
    ]


def test_without_cluster_and_workgroup_there_is_one_red_line(world: World) -> None:
    _refused("redshift", "DescribeClusters", "ClusterNotFound", 404)(world)
    _refused("redshift-serverless", "GetWorkgroup", "ResourceNotFoundException", 404)(world)
    red = [line for line in world.lines() if line.level is Level.FAIL]
    assert [line.name for line in red] == ["warehouse"]
    assert "no cluster and no workgroup ecommerce-dwh-dev-cluster" in red[0].found
    assert "environments/dev apply" in red[0].fix


def test_without_an_environment_nothing_else_is_asked(world: World) -> None:
    world.answer(
        "mwaa",
        "GetEnvironment",
        lambda request, **_: error_response(request.url, "mwaa", "ResourceNotFoundException", 404),
    )
    lines = world.lines()
    assert [line.name for line in lines] == ["account", "Airflow environment"]
    assert "terraform -chdir=infrastructure/environments/dev apply" in lines[-1].fix


def test_without_nat_every_endpoint_is_needed(world: World) -> None:
    world.faults.change("ec2", "DescribeRouteTables", _routes(NatGatewayId=None, TransitGatewayId="tgw-1"))
    line = next(line for line in world.lines() if line.name == "endpoints")
    assert "there is none for airflow.api, and no way to the internet" in line.found


_CALLS = [
    ("mwaa", "GetEnvironment", "airflow:GetEnvironment"),
    ("mwaa", "InvokeRestApi", "airflow:InvokeRestApi"),
    ("ec2", "DescribeSubnets", "ec2:DescribeSubnets"),
    ("iam", "SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy"),
    ("kms", "DescribeKey", "kms:DescribeKey"),
    ("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("logs", "DescribeLogGroups", "logs:DescribeLogGroups"),
    ("secretsmanager", "DescribeSecret", "secretsmanager:DescribeSecret"),
    ("redshift-data", "ExecuteStatement", "redshift-data:ExecuteStatement"),
    ("cloudwatch", "DescribeAlarms", "cloudwatch:DescribeAlarms"),
    ("sns", "ListTopics", "sns:ListTopics"),
]
_DENIALS = {
    "ec2": "UnauthorizedOperation",
    "iam": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "sns": "AuthorizationError",
}


@pytest.mark.parametrize(("service", "operation", "permission"), _CALLS, ids=[call[2] for call in _CALLS])
def test_a_refused_call_names_its_permission(
    world: World, service: str, operation: str, permission: str
) -> None:
    code = _DENIALS.get(service, "403" if service == "s3" else "AccessDeniedException")
    _refused(service, operation, code, 403)(world)
    told = [line for line in world.lines() if line.level is Level.WARN]
    assert told
    assert all(permission in line.found for line in told)
    page = (REPO / "docs" / "deployment.md").read_text()
    assert permission in page or service == "ec2", f"docs/deployment.md does not name {permission}"


def test_another_account_and_no_network_are_one_sentence(world: World) -> None:
    with pytest.raises(StoppedError, match=f"for account {ACCOUNT}, not 222222222222"):
        world.lines(account="222222222222")
    world.faults.cut(EndpointConnectionError(endpoint_url="https://sts"))
    with pytest.raises(StoppedError, match="AWS cannot be reached"):
        world.lines()


def test_the_first_rule_of_an_access_list_decides() -> None:
    def rule(number: int, action: str, port: int | None = None, cidr: str = "0.0.0.0/0") -> dict[str, Any]:
        span = {"PortRange": {"From": port, "To": port}, "Protocol": "6"} if port else {"Protocol": "-1"}
        return {"RuleNumber": number, "RuleAction": action, "Egress": True, "CidrBlock": cidr, **span}

    last = rule(32767, "deny")
    assert _lets([rule(100, "allow"), last], True, 443)
    assert not _lets([last, rule(100, "deny", 443), rule(200, "allow")], True, 443)
    assert _lets([rule(100, "deny", 80), rule(200, "allow"), last], True, 443)
    assert not _lets([rule(100, "allow", cidr="10.0.0.0/8"), last], True, 443)
    assert not _lets([], True, 443)


# --- the tiny run -----------------------------------------------------------------------------------------------------


def _job(world: World, state: str, message: str = "") -> None:
    world.answer("glue", "StartJobRun", _json({"JobRunId": "jr"}))
    world.answer("glue", "GetJobRun", _json({"JobRun": {"JobRunState": state, "ErrorMessage": message}}))
    world.answer("glue", "BatchStopJobRun", _json({}))


def _manifest(applied: Applied) -> Callable[..., Any]:
    """The job's part: write what a run writes, under the key that it was given."""

    def started(request: Any, **_: object) -> Any:
        key = json.loads(request.body)["Arguments"]["--run_id"]
        s3 = applied.endpoint.client("s3")
        url = f"s3://{SETTINGS.processed_bucket}/accepted/products/run={key}/try=1/dt=1970-01-01/a.parquet"
        body = json.dumps({"entries": [{"url": url}]}).encode()
        s3.put_object(Bucket=SETTINGS.processed_bucket, Key=url.split("/", 3)[3], Body=b"parquet")
        s3.put_object(Bucket=SETTINGS.processed_bucket, Key=f"runs/{key}/copy/products.manifest", Body=body)
        return success(request.url, b'{"JobRunId": "jr"}')

    return started


def _left(applied: Applied) -> list[str]:
    s3 = applied.endpoint.client("s3")
    return [
        item["Key"]
        for bucket in (SETTINGS.raw_bucket, SETTINGS.processed_bucket)
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())
        if "verify-" in item["Key"] or "1970-01-01" in item["Key"]
    ]


def test_the_tiny_run_goes_through_and_leaves_nothing(world: World, applied: Applied) -> None:
    _job(world, "SUCCEEDED")
    world.answer("glue", "StartJobRun", _manifest(applied))
    lines = [line for line in world.lines(canary=True) if line.name.startswith("tiny run")]
    assert [(line.name, line.level) for line in lines] == [
        (f"tiny run: {step}", Level.OK) for step in ("S3", "Glue", "Redshift", "clean-up")
    ], lines
    copy = next(sql for sql in world.statements["sql"] if sql.startswith("copy"))
    assert re.search(r"from 's3://ecommerce-dwh-dev-processed/runs/verify-\w+/copy/products.manifest'", copy)
    assert _left(applied) == []


@pytest.mark.parametrize(
    ("break_it", "name", "found"),
    [
        (
            lambda world: _job(world, "FAILED", "AccessDenied on raw"),
            "tiny run: Glue",
            "AccessDenied on raw",
        ),
        (lambda world: _job(world, "RUNNING"), "tiny run: Glue", "no end within"),
    ],
)
def test_a_tiny_run_that_fails_is_red_and_leaves_nothing(
    world: World, applied: Applied, break_it: Callable[[World], None], name: str, found: str
) -> None:
    break_it(world)
    lines = world.lines(canary=True)
    red = [line for line in lines if line.level is Level.FAIL]
    assert [line.name for line in red] == [name]
    assert found in red[0].found
    assert _left(applied) == []


def test_a_copy_that_loads_nothing_is_red(world: World, applied: Applied) -> None:
    _job(world, "SUCCEEDED")
    world.answer("glue", "StartJobRun", _manifest(applied))
    world.statements["rows"] = [[{"longValue": 2}]]
    red = [line for line in world.lines(canary=True) if line.level is Level.FAIL]
    assert [line.name for line in red] == ["tiny run: Redshift"]
    assert "COPY loaded 2 rows instead of 1" in red[0].found
    assert _left(applied) == []


def test_the_page_names_every_permission(world: World, applied: Applied) -> None:
    """With a tiny run that ends well; of EC2's it names the nouns."""
    _job(world, "SUCCEEDED")
    world.answer("glue", "StartJobRun", _manifest(applied))
    sent: list[tuple[str, str]] = []
    world.faults.session.events.register(
        "before-call", lambda model, **_: sent.append((model.service_model.service_name, model.name))
    )
    assert [line for line in world.lines(canary=True) if line.level is not Level.OK] == []
    assert {"StartJobRun", "PutObject", "DeleteObject", "BatchExecuteStatement"} <= {name for _, name in sent}
    page = (REPO / "docs" / "deployment.md").read_text()
    named = {permission_of(service, name).replace("ec2:Describe", "") for service, name in sent}
    assert sorted(name for name in named if f"`{name}`" not in page) == []


def test_a_tiny_run_without_the_right_to_write_is_a_line(world: World, applied: Applied) -> None:
    _refused("s3", "PutObject", "AccessDenied", 403)(world)
    lines = world.lines(canary=True)
    assert any(line.level is Level.WARN and "s3:PutObject" in line.found for line in lines)
    assert _left(applied) == []
