"""The network of an Airflow environment: subnets, routes, access lists, security group, endpoints."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from tools.aws_checks.aws import Aws, Check
from tools.aws_checks.report import Line, fail, ok

# Without a way to the internet each of these must be an endpoint: MWAA user guide, "Creating the required VPC service
# endpoints in an Amazon VPC with private routing"; secretsmanager, glue and sts are ours.
_NEEDED = ("airflow.api", "airflow.env", "sqs", "kms", "monitoring", "logs", "secretsmanager", "glue", "sts")
_APPLY = "apply modules/network again: terraform plan shows what differs"
_WEB, _WAREHOUSE = 443, 5439


class Network:
    """Checks of an environment's subnets, routes and security group.

    Args:
        aws: clients.
        environment: as MWAA describes it.
    """

    def __init__(self, aws: Aws, environment: Mapping[str, Any]) -> None:
        self.ec2 = aws.client("ec2")
        self.region = aws.region
        self.subnet_ids = list(environment["NetworkConfiguration"]["SubnetIds"])
        self.group_ids = list(environment["NetworkConfiguration"]["SecurityGroupIds"])

    def checks(self) -> list[tuple[str, Check]]:
        return [
            ("subnets", self.subnets),
            ("routes", self.routes),
            ("access lists", self.lists),
            ("security group", self.groups),
            ("endpoints", self.endpoints),
        ]

    @cached_property
    def _subnets(self) -> list[dict[str, Any]]:
        return list(self.ec2.describe_subnets(SubnetIds=self.subnet_ids)["Subnets"])

    @property
    def _vpc(self) -> str:
        return str(self._subnets[0]["VpcId"])

    @cached_property
    def _endpoints(self) -> list[dict[str, Any]]:
        pages = self.ec2.get_paginator("describe_vpc_endpoints").paginate(
            Filters=[{"Name": "vpc-id", "Values": [self._vpc]}]
        )
        return [endpoint for page in pages for endpoint in page["VpcEndpoints"]]

    @cached_property
    def _tables(self) -> dict[str, dict[str, Any]]:
        """Route table of each subnet: its own, else the VPC's main one."""
        pages = self.ec2.get_paginator("describe_route_tables").paginate(
            Filters=[{"Name": "vpc-id", "Values": [self._vpc]}]
        )
        tables = [table for page in pages for table in page["RouteTables"]]
        own = {a["SubnetId"]: t for t in tables for a in t["Associations"] if a.get("SubnetId")}
        main = next(
            (t for t in tables for a in t["Associations"] if a.get("Main")), {"Routes": [], "RouteTableId": ""}
        )
        return {subnet: own.get(subnet, main) for subnet in self.subnet_ids}

    def _internet(self) -> bool:
        """Whether every subnet has a way out by NAT."""
        return all(
            any(
                route.get("DestinationCidrBlock") == "0.0.0.0/0"
                and route.get("NatGatewayId")
                and route.get("State") == "active"
                for route in table["Routes"]
            )
            for table in self._tables.values()
        )

    def subnets(self) -> Iterator[Line]:
        zones = {subnet["AvailabilityZone"] for subnet in self._subnets}
        public = [subnet["SubnetId"] for subnet in self._subnets if subnet.get("MapPublicIpOnLaunch")]
        if len(self._subnets) != 2 or len(zones) != 2:
            yield fail(
                "subnets",
                f"{len(self._subnets)} subnets in {len(zones)} zone(s); MWAA needs two in two",
                _APPLY,
            )
        elif public:
            yield fail(
                "subnets",
                f"{', '.join(public)} gives public addresses; MWAA takes private subnets only",
                _APPLY,
            )
        else:
            yield ok("subnets", f"two private ones, in {' and '.join(sorted(zones))}")

    def routes(self) -> Iterator[Line]:
        """Private: no internet gateway; with a way out, or with every endpoint; S3 by its gateway endpoint."""
        faults = []
        gateway = {
            t for e in self._endpoints if e["ServiceName"].endswith(".s3") for t in e.get("RouteTableIds", [])
        }
        for subnet, table in self._tables.items():
            for route in table["Routes"]:
                if str(route.get("GatewayId", "")).startswith("igw-"):
                    faults.append(
                        f"{subnet} leads to an internet gateway: MWAA's workers have no public address"
                    )
                if route.get("State") == "blackhole":
                    faults.append(f"{subnet}: the route to {route.get('DestinationCidrBlock')} leads nowhere")
            if table["RouteTableId"] not in gateway:
                faults.append(f"{subnet} has no route to the S3 endpoint")
        if faults:
            yield fail("routes", "; ".join(faults), _APPLY)
        else:
            way = "out by NAT" if self._internet() else "no way to the internet"
            yield ok("routes", f"{way}, S3 by its endpoint")

    def lists(self) -> Iterator[Line]:
        """Network access lists, rule by rule in their order: HTTPS and the warehouse out, the answers in."""
        answer = self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self._vpc]}])[
            "NetworkAcls"
        ]
        own = {a["SubnetId"]: acl for acl in answer for a in acl["Associations"]}
        default = next((acl for acl in answer if acl.get("IsDefault")), None)
        faults = []
        for subnet in self.subnet_ids:
            acl = own.get(subnet, default)
            if acl is None:
                continue
            for egress, port, what in (
                (True, _WEB, "HTTPS out"),
                (True, _WAREHOUSE, "Redshift out"),
                (False, 32768, "answers in"),
            ):
                if not _lets(acl["Entries"], egress, port):
                    faults.append(f"{acl['NetworkAclId']} of {subnet} blocks {what} (port {port})")
        if faults:
            yield fail("access lists", "; ".join(faults), "give the subnets the VPC's default list again")
        else:
            yield ok("access lists", "HTTPS, Redshift and answers pass")

    def groups(self) -> Iterator[Line]:
        """The group trusts itself (scheduler, workers and database talk), and lets HTTPS and Redshift out."""
        answer = self.ec2.describe_security_groups(GroupIds=self.group_ids)["SecurityGroups"]
        inbound = [rule for group in answer for rule in group["IpPermissions"]]
        outbound = [rule for group in answer for rule in group["IpPermissionsEgress"]]
        itself = [
            r for r in inbound if set(self.group_ids) & {p["GroupId"] for p in r.get("UserIdGroupPairs", [])}
        ]
        faults = []
        if not any(rule["IpProtocol"] == "-1" for rule in itself):
            faults.append("it does not let its own members in")
        faults += [
            f"it lets nothing out to port {port}"
            for port in (_WEB, _WAREHOUSE)
            if not any(_covers(r, port) for r in outbound)
        ]
        world = [r for r in inbound if any(i["CidrIp"] == "0.0.0.0/0" for i in r.get("IpRanges", []))]
        if world:
            faults.append("the whole internet may come in")
        if faults:
            yield fail("security group", f"{', '.join(self.group_ids)}: {'; '.join(faults)}", _APPLY)
        else:
            yield ok("security group", f"{', '.join(self.group_ids)} trusts itself; HTTPS and Redshift go out")

    def endpoints(self) -> Iterator[Line]:
        """Those that are there work; without a way to the internet, all are there."""
        interfaces = [e for e in self._endpoints if e["VpcEndpointType"] == "Interface"]
        faults = [
            f"{e['ServiceName']} is {e['State']}"
            for e in self._endpoints
            if str(e["State"]).lower() != "available"
        ]
        faults += [
            f"{e['ServiceName']} has no private name: clients do not find it"
            for e in interfaces
            if not e["PrivateDnsEnabled"]
        ]
        there = {e["ServiceName"].removeprefix(f"com.amazonaws.{self.region}.") for e in interfaces}
        if not self._internet():
            faults += [
                f"there is none for {name}, and no way to the internet" for name in _NEEDED if name not in there
            ]
        if faults:
            yield fail("endpoints", "; ".join(faults), _APPLY)
        else:
            yield ok("endpoints", f"{len(self._endpoints)} are available")


def _covers(rule: Mapping[str, Any], port: int) -> bool:
    return rule["IpProtocol"] == "-1" or (
        rule["IpProtocol"] in ("tcp", "6") and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)
    )


def _lets(entries: list[dict[str, Any]], egress: bool, port: int) -> bool:
    """The first rule that fits decides; a rule for some addresses only decides nothing when it allows."""
    for entry in sorted(entries, key=lambda entry: int(entry["RuleNumber"])):
        if entry["Egress"] != egress or entry["Protocol"] not in ("-1", "6"):
            continue
        span = entry.get("PortRange") or {"From": 0, "To": 65535}
        if not int(span["From"]) <= port <= int(span["To"]):
            continue
        everyone = ipaddress.ip_network(entry.get("CidrBlock", "0.0.0.0/0")).prefixlen == 0
        if entry["RuleAction"] == "deny" or everyone:
            return bool(entry["RuleAction"] == "allow")
    return False
