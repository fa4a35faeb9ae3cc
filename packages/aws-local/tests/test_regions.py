"""Regions that are off in a new account know no credentials until the account API enables them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_local.testing import Aws

_CALLS = {
    "sts": ("get_caller_identity", {}, "InvalidClientTokenId"),
    "ec2": ("describe_vpcs", {}, "AuthFailure"),
    "glue": ("get_databases", {}, "UnrecognizedClientException"),
    "kms": ("list_keys", {}, "UnrecognizedClientException"),
    "s3": ("list_buckets", {}, "InvalidAccessKeyId"),
    "redshift": ("describe_clusters", {}, "InvalidClientTokenId"),
}


def _client(aws: Aws, service: str, region: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws.settings.url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def _call(aws: Aws, service: str, region: str) -> Any:
    method, arguments, _ = _CALLS[service]
    return getattr(_client(aws, service, region), method)(**arguments)


@pytest.mark.parametrize("service", sorted(_CALLS))
@pytest.mark.parametrize("region", ["ap-south-2", "me-central-1", "a-region-of-tomorrow-1"])
def test_a_region_that_is_off_knows_nobody(aws: Aws, service: str, region: str):
    with pytest.raises(ClientError) as caught:
        _call(aws, service, region)
    assert caught.value.response["Error"]["Code"] == _CALLS[service][2]
    _call(aws, service, "ap-south-1")


def test_enabling_takes_a_while_and_outlives_a_restart(aws: Aws):
    account = aws.client("account")
    assert account.get_region_opt_status(RegionName="ap-south-2")["RegionOptStatus"] == "DISABLED"
    assert account.get_region_opt_status(RegionName="ap-south-1")["RegionOptStatus"] == "ENABLED_BY_DEFAULT"
    account.enable_region(RegionName="ap-south-2")
    with pytest.raises(ClientError):
        _call(aws, "sts", "ap-south-2")  # not yet
    assert account.get_region_opt_status(RegionName="ap-south-2")["RegionOptStatus"] == "ENABLING"
    assert account.get_region_opt_status(RegionName="ap-south-2")["RegionOptStatus"] == "ENABLED"
    _call(aws, "sts", "ap-south-2")
    aws.restart()
    _call(aws, "sts", "ap-south-2")
    listed = {r["RegionName"]: r["RegionOptStatus"] for r in aws.client("account").list_regions()["Regions"]}
    assert listed["ap-south-2"] == "ENABLED"
    assert listed["ap-south-1"] == "ENABLED_BY_DEFAULT"
    aws.client("account").disable_region(RegionName="ap-south-2")
    with pytest.raises(ClientError):
        _call(aws, "sts", "ap-south-2")


def test_a_region_that_is_always_on_cannot_be_switched(aws: Aws):
    with pytest.raises(ClientError) as caught:
        aws.client("account").disable_region(RegionName="ap-south-1")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
