"""Service quotas against what the environment needs and the account already has.

Codes: Service Quotas console; VPCs per Region, NAT gateways and endpoints in the Amazon VPC user guide ("Amazon VPC
quotas"), Elastic IPs in the EC2 user guide. Amazon Redshift and MWAA are found by the quota's name, because their
guides ("Quotas and limits in Amazon Redshift", "Amazon MWAA quotas") name no code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.aws_checks.aws import MISSING, Aws, code_of, refused
from tools.aws_checks.rendered import Rendered
from tools.aws_checks.report import Line, fail, ok, warn


@dataclass(frozen=True)
class Need:
    """One quota.

    Attributes:
        name: for the report.
        service: its code in Service Quotas.
        quota: the quota's code, or a pattern of its name between slashes.
        needed: how many the environment creates.
        used: counts what is there.
    """

    name: str
    service: str
    quota: str
    needed: int
    used: Callable[[Aws], int]


def needs(rendered: Rendered) -> list[Need]:
    """The rendered environment's share of the account's quotas."""
    nodes = sum(int(r.values["number_of_nodes"]) for r in rendered.of("aws_redshift_cluster"))
    workgroups = len(rendered.of("aws_redshiftserverless_workgroup"))
    nat = Counter(str(r.values["subnet_id"]) for r in rendered.of("aws_nat_gateway"))
    interfaces = [r for r in rendered.of("aws_vpc_endpoint") if r.values["vpc_endpoint_type"] == "Interface"]
    listed = [
        Need("VPCs", "vpc", "L-F678F1CE", len(rendered.of("aws_vpc")), _vpcs),
        Need("elastic addresses", "ec2", "L-0263D0A3", len(rendered.of("aws_eip")), _addresses),
        Need("NAT gateways in a zone", "vpc", "L-FE5A380F", max(nat.values(), default=0), _none),
        Need("endpoints of a VPC", "vpc", "L-29B6F2EB", len(interfaces), _none),
        Need("Redshift nodes", "redshift", "/^(RA3 )?nodes( in (this|the) account)?$/", nodes, _nodes),
        Need("Redshift workgroups", "redshift-serverless", "/workgroups/", workgroups, _workgroups),
        Need(
            "Airflow environments",
            "airflow",
            "/environments/",
            len(rendered.of("aws_mwaa_environment")),
            _environments,
        ),
    ]
    return [need for need in listed if need.needed]


def quotas(aws: Aws, rendered: Rendered, applied: bool) -> Iterator[Line]:
    """A line per quota.

    Args:
        applied: the environment was applied before, so what it needs may be among what is used.
    """
    for need in needs(rendered):
        name = f"quota: {need.name}"
        try:
            limit, code = _limit(aws, need)
            if limit is None:
                yield warn(
                    name,
                    f"Service Quotas of {aws.region} lists none for {need.service}",
                    f"look at https://{aws.region}.console.aws.amazon.com/servicequotas/home/services/{need.service}/quotas",
                )
                continue
            used = need.used(aws)
        except ClientError as error:
            yield refused(name, error)
            continue
        wanted = 0 if applied else need.needed
        if used + wanted > limit:
            yield fail(
                name,
                f"{used} used and {need.needed} needed, {limit:g} allowed",
                f"aws service-quotas request-service-quota-increase --region {aws.region} "
                f"--service-code {need.service} --quota-code {code} --desired-value {used + need.needed}",
            )
        else:
            yield ok(name, f"{used} used and {need.needed} needed, {limit:g} allowed")


def _limit(aws: Aws, need: Need) -> tuple[float | None, str]:
    """Value and code of a quota: the account's, where it has none of its own AWS's default."""
    client = aws.client("service-quotas")
    if not need.quota.startswith("/"):
        try:
            return float(
                client.get_service_quota(ServiceCode=need.service, QuotaCode=need.quota)["Quota"]["Value"]
            ), need.quota
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            answer = client.get_aws_default_service_quota(ServiceCode=need.service, QuotaCode=need.quota)
        return float(answer["Quota"]["Value"]), need.quota
    pattern = re.compile(need.quota.strip("/"), re.IGNORECASE)
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in client.get_paginator(operation).paginate(ServiceCode=need.service):
            for quota in page["Quotas"]:
                if pattern.search(quota["QuotaName"]):
                    return float(quota["Value"]), str(quota["QuotaCode"])
    return None, ""


def _count(client: Any, operation: str, key: str) -> int:
    return sum(len(page[key]) for page in client.get_paginator(operation).paginate())


def _vpcs(aws: Aws) -> int:
    return _count(aws.client("ec2"), "describe_vpcs", "Vpcs")


def _addresses(aws: Aws) -> int:
    return len(aws.client("ec2").describe_addresses()["Addresses"])


def _nodes(aws: Aws) -> int:
    pages = aws.client("redshift").get_paginator("describe_clusters").paginate()
    return sum(int(cluster["NumberOfNodes"]) for page in pages for cluster in page.get("Clusters", ()))


def _workgroups(aws: Aws) -> int:
    return _count(aws.client("redshift-serverless"), "list_workgroups", "workgroups")


def _environments(aws: Aws) -> int:
    return _count(aws.client("mwaa"), "list_environments", "Environments")


def _none(_aws: Aws) -> int:
    """A quota of what the environment itself creates: nothing of it is there before."""
    return 0
