"""Checks of an environment after its first apply: network, role, Airflow, warehouse, alarms.

The checks of the network and the role are those that AWS's support tool makes for an MWAA environment that does not
start (github.com/awslabs/aws-support-tools, MWAA/verify_env), as far as they fit this deployment. Sources of the rules:
MWAA user guide, "About networking", "Security in your VPC", "Amazon MWAA execution role".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dwh.settings import Settings
from tools.airflow_health import Airflow, HealthError
from tools.aws_checks.aws import MISSING, Aws, Check, code_of
from tools.aws_checks.network import Network
from tools.aws_checks.report import Line, fail, ok, warn
from tools.aws_checks.warehouse import Statements, status

REPO = Path(__file__).resolve().parents[2]
_LOGS = {
    "DagProcessingLogs": "DAGProcessing",
    "SchedulerLogs": "Scheduler",
    "TaskLogs": "Task",
    "WebserverLogs": "WebServer",
    "WorkerLogs": "Worker",
}


class After:
    """The checks of one environment.

    Args:
        settings: names of the environment.
        account: 12 digits.
        aws: clients.
    """

    def __init__(self, settings: Settings, account: str, aws: Aws) -> None:
        self.settings = settings
        self.account = account
        self.aws = aws
        self.environment: dict[str, Any] = {}

    def first(self) -> Iterator[Line]:
        """The environment itself; without it, Airflow cannot be asked."""
        name = self.settings.prefix
        try:
            self.environment = self.aws.client("mwaa").get_environment(Name=name)["Environment"]
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            yield fail(
                "Airflow environment",
                f"there is no environment {name}",
                f"terraform -chdir=infrastructure/environments/{self.settings.env} apply",
            )
            return
        state = self.environment["Status"]
        last = (self.environment.get("LastUpdate") or {}).get("Error") or {}
        if state != "AVAILABLE":
            yield fail(
                "Airflow environment",
                f"{name} is {state}. {last.get('ErrorMessage', '')}".strip(),
                "wait while it is CREATING or UPDATING (20 to 40 minutes); else the lines below say what stops it",
            )
        else:
            yield ok(
                "Airflow environment", f"{name} is AVAILABLE, Airflow {self.environment['AirflowVersion']}"
            )

    def checks(self) -> list[tuple[str, Check]]:
        """Name and function of each check, for an environment that was found."""
        network = Network(self.aws, self.environment)
        return [
            *network.checks(),
            ("key", self.key),
            ("code bucket", self.bucket),
            ("role", self.role),
            ("logs", self.logs),
            ("requirements", self.requirements),
            ("Airflow health", self.health),
            ("DAGs", self.dags),
            ("mail connection", self.mail),
            ("warehouse", self.warehouse),
            ("alarms", self.alarms),
            ("alert mails", self.subscriptions),
        ]

    # --- what Airflow depends on -------------------------------------------------------------------------------------

    def key(self) -> Iterator[Line]:
        arn = self.environment.get("KmsKey")
        if not arn:
            yield fail("key", "the environment is encrypted with AWS's own key", "apply modules/mwaa again")
            return
        state = self.aws.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
        if state == "Enabled":
            yield ok("key", f"{arn.rpartition('/')[2]} is enabled")
        else:
            yield fail(
                "key",
                f"{arn} is {state}",
                f"aws kms enable-key --key-id {arn} (or cancel-key-deletion before it)",
            )

    def bucket(self) -> Iterator[Line]:
        """MWAA refuses a bucket that the public could read, and finds its files by version."""
        name, s3 = self.environment["SourceBucketArn"].rpartition(":")[2], self.aws.client("s3")
        try:
            block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        except ClientError as error:
            if code_of(error) not in {*MISSING, "NoSuchPublicAccessBlockConfiguration"}:
                raise
            block = {}
        if not block or not all(block.values()):
            flags = ",".join(f"{flag}=true" for flag in _BLOCKS)
            yield fail(
                "code bucket",
                f"{name} does not block public access",
                f"aws s3api put-public-access-block --bucket {name} --public-access-block-configuration {flags}",
            )
        if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
            yield fail(
                "code bucket",
                f"{name} is not versioned: MWAA cannot name its files",
                f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
            )
        keys = [
            self.environment[key]
            for key in ("PluginsS3Path", "RequirementsS3Path")
            if self.environment.get(key)
        ]
        missing = []
        for key in keys:
            try:
                s3.head_object(Bucket=name, Key=key)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    raise
                missing.append(key)
        if missing:
            yield fail("code bucket", f"{name} has no {', '.join(missing)}", "make deploy ENV=… ACCOUNT=…")
        else:
            yield ok("code bucket", f"{name} holds plugins and requirements")

    def role(self) -> Iterator[Line]:
        """IAM's own simulator on the role, with its boundary."""
        role = self.environment["ExecutionRoleArn"]
        denied: list[str] = []
        for actions, resource, context in self._needs():
            entries = [
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in context.items()
            ]
            answer = self.aws.client("iam").simulate_principal_policy(
                PolicySourceArn=role, ActionNames=actions, ResourceArns=[resource], ContextEntries=entries
            )
            denied += [
                f"{result['EvalActionName']} on {resource}"
                for result in answer["EvaluationResults"]
                if result["EvalDecision"] != "allowed"
            ]
        if denied:
            yield fail(
                "role",
                f"{role.rpartition('/')[2]} may not: {'; '.join(denied)}",
                "compare modules/security/role_airflow.tf and boundary.tf with the role in the console; apply again",
            )
        else:
            yield ok("role", f"{role.rpartition('/')[2]} may do what MWAA does with it")

    def _needs(self) -> list[tuple[list[str], str, dict[str, str]]]:
        """Actions, resource and context that MWAA itself uses."""
        region, prefix, bucket = self.settings.region, self.settings.prefix, self.environment["SourceBucketArn"]
        logs = f"arn:aws:logs:{region}:{self.account}:log-group:airflow-{prefix}-Task:log-stream:x"
        queue = (
            self.environment.get("CeleryExecutorQueue")
            or f"arn:aws:sqs:{region}:{self.account}:airflow-celery-x"
        )
        key = self.environment.get("KmsKey") or f"arn:aws:kms:{region}:{self.account}:key/x"
        sqs = (
            "ChangeMessageVisibility",
            "DeleteMessage",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ReceiveMessage",
            "SendMessage",
        )
        return [
            (["airflow:PublishMetrics"], self.environment["Arn"], {}),
            (["s3:ListBucket", "s3:GetBucketVersioning", "s3:GetBucketPublicAccessBlock"], bucket, {}),
            (["s3:GetObject", "s3:GetObjectVersion"], f"{bucket}/mwaa/dags/x.py", {}),
            (
                ["logs:CreateLogStream", "logs:PutLogEvents", "logs:GetLogEvents", "logs:GetLogGroupFields"],
                logs,
                {},
            ),
            (["logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"], "*", {}),
            (["cloudwatch:PutMetricData"], "*", {"cloudwatch:namespace": "AmazonMWAA"}),
            ([f"sqs:{action}" for action in sqs], queue, {}),
            (
                ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                key,
                {"kms:ViaService": f"sqs.{region}.amazonaws.com"},
            ),
        ]

    def logs(self) -> Iterator[Line]:
        configured = self.environment.get("LoggingConfiguration", {})
        off = [name for name in _LOGS if not configured.get(name, {}).get("Enabled")]
        there = {
            group["logGroupName"]
            for page in self.aws.client("logs")
            .get_paginator("describe_log_groups")
            .paginate(logGroupNamePrefix=f"airflow-{self.settings.prefix}-")
            for group in page["logGroups"]
        }
        absent = [name for name in _LOGS.values() if f"airflow-{self.settings.prefix}-{name}" not in there]
        if off or absent:
            found = [*(f"{name} are off" for name in off), *(f"there is no group of {name}" for name in absent)]
            yield fail(
                "logs", "; ".join(found), "apply modules/mwaa again: without logs no failure can be explained"
            )
        else:
            yield ok("logs", "all five kinds are written")

    # --- Airflow ----------------------------------------------------------------------------------------------------

    def _rest(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.aws.client("mwaa").invoke_rest_api(
            Name=self.settings.prefix, Path=path, Method="GET", QueryParameters=query
        )
        return dict(answer["RestApiResponse"])

    def requirements(self) -> Iterator[Line]:
        """The log of pip since the components last started: MWAA is AVAILABLE although pip failed."""
        last = self.environment.get("LastUpdate") or {}
        since = last.get("CreatedAt") or self.environment["CreatedAt"]
        name = self.settings.prefix
        airflow = Airflow(self.aws.client("mwaa"), self.aws.client("logs"), name)
        try:
            found = airflow.pip_succeeded(since)
        except HealthError as error:
            yield fail(
                "requirements", str(error), "make package refuses requirements that the image cannot install"
            )
            return
        if found:
            yield ok("requirements", "every component has installed requirements.txt")
        else:
            yield warn(
                "requirements",
                f"no component has written a log of its installation since {since:%Y-%m-%d %H:%M}",
                "logs older than their retention are gone; `make deploy` of changed requirements reads new ones",
            )

    def health(self) -> Iterator[Line]:
        parts = {k: v for k, v in self._rest("/monitor/health").items() if isinstance(v, dict)}
        ill = [name for name, part in parts.items() if part.get("status") not in ("healthy", None)]
        if ill or not parts:
            yield fail(
                "Airflow health",
                f"not healthy: {', '.join(ill) or 'no component answers'}",
                f"aws logs tail airflow-{self.settings.prefix}-Scheduler --since 1h (runbook: airflow-silent)",
            )
        else:
            yield ok("Airflow health", f"healthy: {', '.join(sorted(parts))}")

    def dags(self) -> Iterator[Line]:
        """Every DAG of this checkout was parsed, and no file failed."""
        wanted = {
            found[1]
            for path in (REPO / "dags").glob("*.py")
            if (found := re.search(r'dag_id="([^"]+)"', path.read_text()))
        }
        errors = self._rest("/importErrors").get("import_errors", [])
        listed = self._rest("/dags", limit=100, exclude_stale=True).get("dags", [])
        parsed = {dag["dag_id"] for dag in listed if dag.get("last_parsed_time")}
        if errors:
            last = str(errors[0].get("stack_trace", "")).strip().splitlines()[-1:]
            yield fail(
                "DAGs",
                f"{len(errors)} file(s) cannot be imported; {errors[0].get('filename')}: {''.join(last)}",
                f"aws logs tail airflow-{self.settings.prefix}-DAGProcessing --since 1h; a missing module is a failed "
                "installation of requirements.txt",
            )
        elif missing := sorted(wanted - parsed):
            yield fail(
                "DAGs",
                f"not parsed yet: {', '.join(missing)}",
                "wait five minutes after `make deploy`; then look at mwaa/dags/ in the code bucket",
            )
        else:
            yield ok("DAGs", f"all {len(wanted)} parsed, none with an error")

    def mail(self) -> Iterator[Line]:
        """Whether the secret was filled; its content is not read."""
        name = f"airflow/{self.settings.prefix}/connections/smtp_default"
        try:
            secret = self.aws.client("secretsmanager").describe_secret(SecretId=name)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            yield fail("mail connection", f"there is no secret {name}", "apply modules/mwaa again")
            return
        current = [v for v, stages in secret.get("VersionIdsToStages", {}).items() if "AWSCURRENT" in stages]
        if current:
            yield ok("mail connection", f"{name} is filled")
        else:
            yield fail(
                "mail connection",
                f"{name} is empty: no mail can be sent",
                "docs/deployment.md, the mail connection",
            )

    # --- warehouse and alarms ---------------------------------------------------------------------------------------

    def warehouse(self) -> Iterator[Line]:
        """The warehouse is up, takes the admin's sign-in, and has its tables."""
        name, state = self.settings.cluster, status(self.aws, self.settings)
        if state != "available":
            apply = f"terraform -chdir=infrastructure/environments/{self.settings.env} apply"
            cures = {"paused": f"aws redshift resume-cluster --cluster-identifier {name}", "": apply}
            found = f"{name} is {state}" if state else f"there is no cluster and no workgroup {name}"
            yield fail("warehouse", found, cures.get(state, "wait until it is available, and run this again"))
            return
        statement = (Path(__file__).parent / "tables.sql").read_text()
        rows, refusal = Statements(self.aws, self.settings).answer(statement)
        if refusal:
            yield fail("warehouse", f"a statement fails: {refusal}", "docs/runbooks-aws.md, redshift-unhealthy")
        elif rows == [[0]]:
            yield fail(
                "warehouse", "it has no tables yet", "run the DAG ecommerce_dwh_bootstrap (docs/deployment.md)"
            )
        else:
            yield ok("warehouse", f"{name} answers, and has its tables")

    def alarms(self) -> Iterator[Line]:
        pages = (
            self.aws.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{self.settings.prefix}-")
        )
        states = {alarm["AlarmName"]: alarm["StateValue"] for page in pages for alarm in page["MetricAlarms"]}
        loud = sorted(name for name, state in states.items() if state == "ALARM")
        if not states:
            yield fail("alarms", "there is none", "apply modules/monitoring again")
        elif loud:
            yield fail(
                "alarms",
                f"in alarm: {', '.join(loud)}",
                "docs/alerts.md names the runbook of each; `stale` is loud until the first day is published",
            )
        elif silent := sorted(name for name, state in states.items() if state != "OK"):
            yield warn("alarms", f"without data yet: {', '.join(silent)}", "look again in an hour")
        else:
            yield ok("alarms", f"all {len(states)} are OK")

    def subscriptions(self) -> Iterator[Line]:
        topics = self.aws.client("sns").get_paginator("list_topics").paginate()
        arn = next(
            (
                t["TopicArn"]
                for p in topics
                for t in p["Topics"]
                if t["TopicArn"].endswith(f":{self.settings.prefix}-alerts")
            ),
            "",
        )
        if not arn:
            yield fail(
                "alert mails",
                f"there is no topic {self.settings.prefix}-alerts",
                "apply modules/monitoring again",
            )
            return
        pages = self.aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        found = [s for page in pages for s in page["Subscriptions"]]
        confirmed = [s["Endpoint"] for s in found if s["SubscriptionArn"].startswith("arn:")]
        if not confirmed:
            yield fail(
                "alert mails",
                "nobody has confirmed the subscription: no alarm arrives",
                'open the mail "AWS Notification - Subscription Confirmation", or apply again to have it sent anew',
            )
        else:
            yield ok("alert mails", f"confirmed by {', '.join(sorted(confirmed))}")


_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
