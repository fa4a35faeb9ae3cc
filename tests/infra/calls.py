"""From a request at the endpoint to what IAM is asked for it: an action and a resource.

An API's operation and the action that allows it mostly bear one name; where they do not, AWS's service authorization
reference says which action it is (S3's "API operations" table; budgets: docs.aws.amazon.com/cost-management, "Billing
actions policies").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREFIXES = {"monitoring": "cloudwatch"}
_BUDGETS = {
    "DescribeBudget": "ViewBudget",
    "DescribeNotificationsForBudget": "ViewBudget",
    "DescribeSubscribersForNotification": "ViewBudget",
}
# Query parameter of a bucket's GET -> action.
_BUCKET_READS = {
    "accelerate": "GetAccelerateConfiguration",
    "acl": "GetBucketAcl",
    "cors": "GetBucketCORS",
    "encryption": "GetEncryptionConfiguration",
    "lifecycle": "GetLifecycleConfiguration",
    "location": "GetBucketLocation",
    "logging": "GetBucketLogging",
    "object-lock": "GetBucketObjectLockConfiguration",
    "ownershipControls": "GetBucketOwnershipControls",
    "policy": "GetBucketPolicy",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "replication": "GetReplicationConfiguration",
    "requestPayment": "GetBucketRequestPayment",
    "tagging": "GetBucketTagging",
    "versioning": "GetBucketVersioning",
    "website": "GetBucketWebsite",
}
_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
# Who am I: GetCallerIdentity needs no permission
# (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html); GetUser is what the provider tries first
# where its check of credentials is off, as here, and may be refused.
_FREE = {("sts", "GetCallerIdentity"), ("iam", "GetUser")}


def asked(call: Mapping[str, Any], account: str, secrets: Mapping[str, str]) -> tuple[str, str] | None:
    """Action and resource of a call; None where everybody may.

    Args:
        call: a line of the endpoint's trail.
        account: the account's id.
        secrets: ARN of each secret by its name and by its ARN.

    Raises:
        KeyError: a call of S3 that is in no table here.
    """
    service, operation, parameters = call["service"], call["operation"], call["parameters"]
    if (service, operation) in _FREE:
        return None
    if service == "s3":
        return _of_s3(operation, parameters)
    name = _BUDGETS.get(operation, operation) if service == "budgets" else operation
    return f"{_PREFIXES.get(service, service)}:{name}", _resource(call, account, secrets)


def _of_s3(operation: str, query: Mapping[str, str]) -> tuple[str, str]:
    method, _, path = operation.partition(" ")
    bucket, _, key = path.lstrip("/").partition("/")
    if key:
        return f"s3:{_OBJECT[method]}", f"arn:aws:s3:::{bucket}/{key}"
    settings = [name for name in query if name in _BUCKET_READS]
    if method == "GET" and settings:
        return f"s3:{_BUCKET_READS[settings[0]]}", f"arn:aws:s3:::{bucket}"
    if method in ("GET", "HEAD"):
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    raise KeyError(f"{operation} {dict(query)}")


def _resource(call: Mapping[str, Any], account: str, secrets: Mapping[str, str]) -> str:
    service, region, parameters = call["service"], call["region"], call["parameters"]
    for name in ("PolicyArn", "OpenIDConnectProviderArn"):
        if name in parameters:
            return str(parameters[name])
    if service == "iam" and "RoleName" in parameters:
        return f"arn:aws:iam::{account}:role/{parameters['RoleName']}"
    if service == "secretsmanager" and "SecretId" in parameters:
        return secrets[parameters["SecretId"]]
    if service == "glue" and call["operation"] == "GetConnection":
        return f"arn:aws:glue:{region}:{account}:connection/{parameters['Name']}"
    return "*"
