"""Calls of Terraform's AWS provider that moto lacks, and fields that moto drops: stored, and returned as they came.

The endpoint does not act on them (no snapshot is taken on schedule); they are stored so that an apply goes through
and the next plan finds what was applied.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from .iam import bucket_policy_fault, check_policies

_DEFAULT_PARAMETERS = {
    "auto_analyze": "true",
    "enable_user_activity_logging": "false",
    "require_ssl": "false",
    "statement_timeout": "0",
}


def fill_gaps(service: str) -> None:
    """Give moto's responses of a service the missing actions; may be called again."""
    if service == "redshift":
        from moto.redshift.responses import RedshiftResponse  # late import: slow to import

        if not hasattr(RedshiftResponse, "plain_create_cluster"):
            RedshiftResponse.plain_create_cluster = RedshiftResponse.create_cluster  # type: ignore[attr-defined]
            RedshiftResponse.create_cluster = create_cluster  # type: ignore[method-assign]
            RedshiftResponse.plain_create_grant = RedshiftResponse.create_snapshot_copy_grant  # type: ignore[attr-defined]
            RedshiftResponse.create_snapshot_copy_grant = create_snapshot_copy_grant  # type: ignore[method-assign]
        for action in _REDSHIFT_ACTIONS:
            setattr(RedshiftResponse, action.__name__, action)
    elif service == "iam":
        check_policies()
    elif service == "s3":
        _check_bucket_policies()
        _keep_replication_rules()
    elif service == "ec2":
        _keep_rule_descriptions()
    elif service == "budgets":
        from moto.budgets.responses import BudgetsResponse

        for budget_action in _BUDGETS_ACTIONS:
            setattr(BudgetsResponse, budget_action.__name__, budget_action)
        if not hasattr(BudgetsResponse, "plain_create_budget"):
            BudgetsResponse.plain_create_budget = BudgetsResponse.create_budget  # type: ignore[attr-defined]
            BudgetsResponse.create_budget = create_budget  # type: ignore[method-assign]


def _kept(response: Any, kind: str) -> dict[str, Any]:
    """Documents of a kind, kept on moto's backend so that they are saved and reset with it."""
    return response.redshift_backend.__dict__.setdefault(f"local_{kind}", {})


# --- clusters -------------------------------------------------------------------------------------------------------


def create_cluster(self: Any) -> ActionResult:
    """Moto's, and what it drops: default role, relocation, nodes, a password that Redshift manages."""
    result = self.plain_create_cluster()
    cluster = self.redshift_backend.clusters[self._get_param("ClusterIdentifier")]
    cluster.maintenance_track_name = self._get_param("MaintenanceTrackName") or "current"
    cluster.manual_snapshot_retention_period = self._get_int_param("ManualSnapshotRetentionPeriod") or -1
    cluster.default_iam_role_arn = self._get_param("DefaultIamRoleArn")
    cluster.cluster_nodes = _nodes(cluster.number_of_nodes)
    if self._get_bool_param("AvailabilityZoneRelocation", False):
        cluster.availability_zone_relocation_status = "enabled"
    if self._get_bool_param("ManageMasterPassword", False):
        key = self._get_param("MasterPasswordSecretKmsKeyId")
        cluster.master_password_secret_kms_key_id = key
        cluster.master_password_secret_arn = _admin_secret(self, cluster, key)
    return result


def _nodes(count: int) -> list[dict[str, str]]:
    """The nodes that a cluster of a size shows; a single one leads and computes.

    docs.aws.amazon.com/redshift/latest/APIReference/API_ClusterNode.html
    """
    roles = ["SHARED"] if count == 1 else ["LEADER", *(f"COMPUTE-{number}" for number in range(count))]
    return [{"NodeRole": role} for role in roles]


def create_snapshot_copy_grant(self: Any) -> ActionResult:
    """Moto's, and the tags."""
    result = self.plain_create_grant()
    grant = self.redshift_backend.snapshot_copy_grants[self._get_param("SnapshotCopyGrantName")]
    grant.tags = self._get_param("Tags", [])
    return result


def _admin_secret(response: Any, cluster: Any, kms_key_id: str | None) -> str:
    from moto.moto_api._internal import mock_random
    from moto.secretsmanager.models import secretsmanager_backends

    secrets = secretsmanager_backends[response.current_account][response.region]
    name = f"redshift!{cluster.cluster_identifier}-{cluster.master_username}"
    if name not in secrets.secrets:
        password = mock_random.get_random_hex(32)
        text = f'{{"username": "{cluster.master_username}", "password": "{password}"}}'
        secrets.create_secret(
            name=name,
            secret_string=text,
            secret_binary=None,
            description="",
            tags=[],
            kms_key_id=kms_key_id,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
    return str(secrets.secrets[name].arn)


# --- parameters -----------------------------------------------------------------------------------------------------


def modify_cluster_parameter_group(self: Any) -> ActionResult:
    name = self._get_param("ParameterGroupName")
    values = _kept(self, "parameters").setdefault(name, {})
    values |= {item["ParameterName"]: item["ParameterValue"] for item in self._get_param("Parameters", [])}
    return ActionResult(
        {"ParameterGroupName": name, "ParameterGroupStatus": "Your parameter group is updated."}
    )


def describe_cluster_parameters(self: Any) -> ActionResult:
    values = _kept(self, "parameters").get(self._get_param("ParameterGroupName"), {})
    wanted = self._get_param("Source")
    found = [
        {
            "ParameterName": name,
            "ParameterValue": values.get(name, default),
            "Source": "user" if name in values else "engine-default",
            "IsModifiable": True,
        }
        for name, default in {**_DEFAULT_PARAMETERS, **values}.items()
    ]
    return ActionResult({"Parameters": [item for item in found if wanted in (None, item["Source"])]})


# --- snapshot schedules ---------------------------------------------------------------------------------------------


def create_snapshot_schedule(self: Any) -> ActionResult:
    schedule = {
        "ScheduleIdentifier": self._get_param("ScheduleIdentifier"),
        "ScheduleDefinitions": self._get_param("ScheduleDefinitions", []),
        "ScheduleDescription": self._get_param("ScheduleDescription"),
        "Tags": self._get_param("Tags", []),
        "AssociatedClusters": [],
    }
    _kept(self, "schedules")[schedule["ScheduleIdentifier"]] = schedule
    return ActionResult(schedule)


def describe_snapshot_schedules(self: Any) -> ActionResult:
    name, cluster = self._get_param("ScheduleIdentifier"), self._get_param("ClusterIdentifier")
    found = [
        schedule
        for schedule in _kept(self, "schedules").values()
        if name in (None, schedule["ScheduleIdentifier"])
        and (
            cluster is None or cluster in [item["ClusterIdentifier"] for item in schedule["AssociatedClusters"]]
        )
    ]
    return ActionResult({"SnapshotSchedules": found})


def delete_snapshot_schedule(self: Any) -> EmptyResult:
    _kept(self, "schedules").pop(self._get_param("ScheduleIdentifier"), None)
    return EmptyResult()


def modify_cluster_snapshot_schedule(self: Any) -> EmptyResult:
    cluster, name = self._get_param("ClusterIdentifier"), self._get_param("ScheduleIdentifier")
    leaves = self._get_bool_param("DisassociateSchedule", False)
    for schedule in _kept(self, "schedules").values():
        others = [item for item in schedule["AssociatedClusters"] if item["ClusterIdentifier"] != cluster]
        joins = not leaves and schedule["ScheduleIdentifier"] == name
        active = {"ClusterIdentifier": cluster, "ScheduleAssociationState": "ACTIVE"}
        schedule["AssociatedClusters"] = [*others, active] if joins else others
    return EmptyResult()


# --- scheduled actions ----------------------------------------------------------------------------------------------


def create_scheduled_action(self: Any) -> ActionResult:
    action = {
        "ScheduledActionName": self._get_param("ScheduledActionName"),
        "TargetAction": self._get_param("TargetAction"),
        "Schedule": self._get_param("Schedule"),
        "IamRole": self._get_param("IamRole"),
        "ScheduledActionDescription": self._get_param("ScheduledActionDescription"),
        "State": "ACTIVE" if self._get_bool_param("Enable", True) else "DISABLED",
    }
    _kept(self, "actions")[action["ScheduledActionName"]] = action
    return ActionResult(action)


def describe_scheduled_actions(self: Any) -> ActionResult:
    name = self._get_param("ScheduledActionName")
    actions = _kept(self, "actions").values()
    return ActionResult({"ScheduledActions": [a for a in actions if name in (None, a["ScheduledActionName"])]})


def delete_scheduled_action(self: Any) -> EmptyResult:
    _kept(self, "actions").pop(self._get_param("ScheduledActionName"), None)
    return EmptyResult()


# --- fields that moto drops ----------------------------------------------------------------------------------------


def complete_connections() -> None:
    """Glue connections answer with their type, and can be deleted."""
    from moto.glue.models import FakeConnection
    from moto.glue.responses import GlueResponse

    if hasattr(GlueResponse, "delete_connection"):
        return
    plain = FakeConnection.as_dict

    def as_dict(self: Any, hide_password: bool = False) -> dict[str, Any]:
        return {**plain(self, hide_password), "ConnectionType": self.connection_input.get("ConnectionType")}

    def delete_connection(self: Any) -> EmptyResult:
        self.glue_backend.connections.pop(self._get_param("ConnectionName"), None)
        return EmptyResult()

    FakeConnection.as_dict = as_dict  # type: ignore[method-assign]
    GlueResponse.delete_connection = delete_connection  # type: ignore[attr-defined]


def _keep_rule_descriptions() -> None:
    """Rules of security groups keep their description for every kind of source."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    if hasattr(SecurityGroupRule, "local_description"):
        return
    plain = SecurityGroupRule.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        places = [value for value in (*args, *kwargs.values()) if isinstance(value, dict)]
        self.local_description = next(
            (place["Description"] for place in places if "Description" in place), None
        )
        plain(self, *args, **kwargs)

    SecurityGroupRule.local_description = None  # type: ignore[attr-defined]
    SecurityGroupRule.__init__ = init  # type: ignore[method-assign]
    SecurityGroupRule.description = property(  # type: ignore[assignment,method-assign]
        lambda self: self.ip_range.get("Description") or self.local_description
    )


def _check_bucket_policies() -> None:
    """S3 reads a bucket's policy before it takes it."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend

    if hasattr(S3Backend, "plain_put_bucket_policy"):
        return
    S3Backend.plain_put_bucket_policy = S3Backend.put_bucket_policy  # type: ignore[attr-defined]

    def put_bucket_policy(self: Any, bucket_name: str, policy: bytes) -> None:
        fault = bucket_policy_fault(bucket_name, policy)
        if fault:
            raise S3ClientError("MalformedPolicy", fault)
        self.plain_put_bucket_policy(bucket_name, policy)

    S3Backend.put_bucket_policy = put_bucket_policy  # type: ignore[method-assign]


def _keep_replication_rules() -> None:
    """GetBucketReplication answers the rules as they were put; moto's says nothing of most of their elements.

    docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html
    """
    from moto.s3.exceptions import ReplicationConfigurationNotFoundError
    from moto.s3.responses import S3Response

    def get_bucket_replication(self: Any) -> Any:
        self.data["Action"] = "GetBucketReplication"
        replication = self.backend.get_bucket_replication(self.bucket_name)
        if not replication:
            raise ReplicationConfigurationNotFoundError(bucket_name=self.bucket_name)
        rules = [{**rule, "Filter": rule.get("Filter") or {}} for rule in replication["Rule"]]
        document = {"ReplicationConfiguration": {"Role": replication["Role"], "Rules": rules}}
        return self.serialized(ActionResult(document))

    S3Response.get_bucket_replication = get_bucket_replication  # type: ignore[method-assign]


# --- budgets --------------------------------------------------------------------------------------------------------


def describe_subscribers_for_notification(self: Any) -> str:
    budget = self.backend.budgets[self._get_param("AccountId")].get(self._get_param("BudgetName"))
    wanted = self._get_param("Notification")
    for notification in budget.notifications if budget else []:
        if notification.details == wanted:
            return json.dumps({"Subscribers": notification.subscribers})
    return json.dumps({"Subscribers": []})


def create_budget(self: Any) -> str:
    """Moto's, and the tags."""
    answer = str(self.plain_create_budget())
    name = self._get_param("Budget")["BudgetName"]
    arn = f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{name}"
    _tags(self)[arn] = self._get_param("ResourceTags") or []
    return answer


def list_tags_for_resource(self: Any) -> str:
    return json.dumps({"ResourceTags": _tags(self).get(self._get_param("ResourceARN"), [])})


def _tags(response: Any) -> dict[str, Any]:
    return response.backend.__dict__.setdefault("local_tags", {})


_BUDGETS_ACTIONS = (describe_subscribers_for_notification, list_tags_for_resource)
_REDSHIFT_ACTIONS = (
    modify_cluster_parameter_group,
    describe_cluster_parameters,
    create_snapshot_schedule,
    describe_snapshot_schedules,
    delete_snapshot_schedule,
    modify_cluster_snapshot_schedule,
    create_scheduled_action,
    describe_scheduled_actions,
    delete_scheduled_action,
)
