"""Checks of an account before the first ``terraform apply``: names, regions, roles, settings.

Quotas are in quotas.py, policies in policies.py. Nothing here changes anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from tools.aws_checks.aws import MISSING, Aws, Check, code_of, refused
from tools.aws_checks.policies import sizes, validated
from tools.aws_checks.quotas import quotas
from tools.aws_checks.rendered import Rendered
from tools.aws_checks.report import Line, fail, ok, warn

# Services that keep a role of their own in the account: MWAA user guide, "Service-linked role"; Redshift management
# guide, "Using service-linked roles".
_LINKED = {
    "AWSServiceRoleForAmazonMWAA": "airflow.amazonaws.com",
    "AWSServiceRoleForRedshift": "redshift.amazonaws.com",
}
_EXAMPLES = {"alert_email": "data-eng@company.com", "github_repository": "company/ecommerce-dwh"}
_GITHUB = "token.actions.githubusercontent.com"


class Before:
    """The checks of one environment.

    Args:
        env: ``dev`` or ``prod``.
        account: 12 digits.
        aws: clients.
        rendered: the environment's names and policies.
    """

    def __init__(self, env: str, account: str, aws: Aws, rendered: Rendered) -> None:
        self.env = env
        self.account = account
        self.aws = aws
        self.rendered = rendered
        self.state_bucket = f"ecommerce-dwh-tfstate-{account}"
        self.applied = False

    def checks(self) -> list[tuple[str, Check]]:
        """Name and function of each check; `state` goes first, the others ask whether there is one."""
        return [
            ("state bucket", self.state),
            ("tfvars", self.values),
            ("regions", self.regions),
            ("zones", self.zones),
            ("endpoint services", self.endpoints),
            ("quotas", lambda: quotas(self.aws, self.rendered, self.applied)),
            ("service-linked roles", self.linked_roles),
            ("bucket names", self.buckets),
            ("role names", self.roles),
            ("secret names", self.secrets),
            ("warehouse name", self.warehouse),
            ("GitHub sign-in", self.github),
            ("policy sizes", lambda: sizes(self.rendered)),
            ("policies", lambda: validated(self.aws, self.rendered)),
            ("budget", self.budget),
            ("cost tags", self.cost_tags),
        ]

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self) -> Iterator[Line]:
        """The state bucket, and whether the environment was applied before: names may then be taken, by itself."""
        s3, name = self.aws.client("s3"), self.state_bucket
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            if code_of(error) in MISSING:
                yield fail(
                    "state bucket",
                    f"there is no bucket {name}",
                    "terraform -chdir=infrastructure/bootstrap init && terraform -chdir=infrastructure/bootstrap apply",
                )
                return
            raise
        key = f"{self.env}/terraform.tfstate"
        try:
            s3.head_object(Bucket=name, Key=key)
            self.applied = True
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
        versioned = s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
        if not versioned:
            yield fail(
                "state bucket",
                f"{name} keeps no old versions: a broken state could not be taken back",
                f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
            )
            return
        found = (
            f"{name} holds {key}: {self.env} was applied before"
            if self.applied
            else f"{name} is ready, without {key}"
        )
        yield ok("state bucket", found)

    def _taken(self, name: str, what: list[str], fix: str) -> Line:
        """A line for names that exist in the account: right once the environment was applied, wrong before."""
        if not what:
            return ok(name, "free")
        if self.applied:
            return ok(name, f"{len(what)} there, from an earlier apply of {self.env}")
        return fail(name, f"there already, but not by this Terraform state: {', '.join(what)}", fix)

    # --- values -----------------------------------------------------------------------------------------------------

    def values(self) -> Iterator[Line]:
        facts = self.rendered.facts
        if facts["account_id"] != self.account:
            yield fail(
                "account_id",
                f"terraform.tfvars says {facts['account_id']}, this command {self.account}",
                f'set account_id = "{self.account}" in infrastructure/environments/{self.env}/terraform.tfvars',
            )
        email = str(facts["alert_email"])
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}", email):
            yield fail("alert_email", f"{email!r} is no address", 'set alert_email = "name@your-company.com"')
        elif email == _EXAMPLES["alert_email"]:
            yield warn(
                "alert_email",
                f"{email} is the example's address: alarms and budget mails go there",
                "set alert_email in terraform.tfvars, unless this address is yours",
            )
        else:
            yield ok("alert_email", email)
        repository = str(facts["github_repository"])
        if not repository:
            yield warn("github_repository", "empty: no workflow may plan, apply or deploy", "")
        elif repository == _EXAMPLES["github_repository"] or not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            yield warn(
                "github_repository",
                f"{repository!r} is the example's: its workflows could sign in to this account",
                'set github_repository = "owner/name" of your repository, or "" for none',
            )
        else:
            yield ok("github_repository", repository)

    # --- regions and zones ------------------------------------------------------------------------------------------

    def regions(self) -> Iterator[Line]:
        """AWS account management guide, "Enable or disable AWS Regions": newer regions are off in a new account."""
        asked = self.rendered.regions
        answer = self.aws.client("ec2").describe_regions(AllRegions=True, RegionNames=asked)
        states = {region["RegionName"]: region.get("OptInStatus", "") for region in answer["Regions"]}
        for region in asked:
            state = states.get(region, "unknown")
            if state in ("opt-in-not-required", "opted-in"):
                yield ok("region", f"{region} is on")
            else:
                yield fail(
                    "region",
                    f"{region} is off in this account ({state})",
                    f"aws account enable-region --region-name {region}, then wait until `aws account "
                    f"get-region-opt-status --region-name {region}` says ENABLED: minutes to hours",
                )

    def _zones(self) -> list[str]:
        return self.rendered.names("aws_subnet", "availability_zone")

    def zones(self) -> Iterator[Line]:
        wanted = sorted(set(self._zones()))
        answer = self.aws.client("ec2").describe_availability_zones(
            Filters=[{"Name": "zone-name", "Values": wanted}]
        )
        there = {zone["ZoneName"] for zone in answer["AvailabilityZones"] if zone["State"] == "available"}
        if missing := sorted(set(wanted) - there):
            yield fail(
                "zones",
                f"not available in this account: {', '.join(missing)}",
                "`aws ec2 describe-availability-zones` lists those that are; name three in modules/platform/main.tf",
            )
        else:
            yield ok("zones", ", ".join(wanted))

    def endpoints(self) -> Iterator[Line]:
        """Each endpoint service, in each zone in which it is to stand."""
        planned = {r.values["service_name"]: r.values for r in self.rendered.of("aws_vpc_endpoint")}
        zones = self._zones()
        pages = self.aws.client("ec2").get_paginator("describe_vpc_endpoint_services").paginate()
        there = {
            d["ServiceName"]: set(d["AvailabilityZones"]) for page in pages for d in page["ServiceDetails"]
        }
        faults = []
        for name, values in sorted(planned.items()):
            wanted = set(zones)
            if values["vpc_endpoint_type"] == "Interface":
                wanted = set(sorted(wanted)[: len(values["subnet_ids"])])
            if name not in there:
                faults.append(f"{name} is not offered in this region")
            elif missing := sorted(wanted - there[name]) if values["vpc_endpoint_type"] == "Interface" else []:
                faults.append(f"{name} is not offered in {', '.join(missing)}")
        if faults:
            yield fail(
                "endpoint services",
                "; ".join(faults),
                "leave it out of infrastructure/modules/network (nat_gateways = 1 replaces it), or choose other zones",
            )
        else:
            yield ok("endpoint services", f"{len(planned)} services, in every zone that needs them")

    # --- names ------------------------------------------------------------------------------------------------------

    def buckets(self) -> Iterator[Line]:
        """HeadBucket: 404 is free, 200 ours, 403 another account's (S3 API reference); boto3 follows a 301 itself."""
        s3, ours, foreign = self.aws.client("s3"), [], []
        for name in self.rendered.names("aws_s3_bucket", "bucket"):
            try:
                s3.head_bucket(Bucket=name)
                ours.append(name)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    foreign.append(name)
        if foreign:
            yield fail(
                "bucket names",
                f"another account of the world has {', '.join(foreign)}",
                f'set account_suffix = "-{self.account}" in terraform.tfvars, and DWH_ACCOUNT_SUFFIX to the same for '
                "`make deploy` and in GitHub",
            )
        else:
            yield self._taken(
                "bucket names", ours, "aws s3 rb s3://NAME when nobody needs it, else terraform import it"
            )

    def roles(self) -> Iterator[Line]:
        iam, there = self.aws.client("iam"), []
        for name in self.rendered.names("aws_iam_role"):
            try:
                iam.get_role(RoleName=name)
                there.append(name)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    raise
        yield self._taken(
            "role names",
            there,
            'delete the roles, or set iam_suffix = "-2" for a second deployment of this account',
        )

    def secrets(self) -> Iterator[Line]:
        """A deleted secret keeps its name until its recovery window ends (Secrets Manager user guide)."""
        names = self.rendered.names("aws_secretsmanager_secret")
        client, going, there = self.aws.client("secretsmanager"), {}, []
        for name in names:
            pages = client.get_paginator("list_secrets").paginate(
                IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [name]}]
            )
            for secret in (secret for page in pages for secret in page["SecretList"] if secret["Name"] == name):
                if "DeletedDate" in secret:
                    going[name] = secret["DeletedDate"]
                else:
                    there.append(name)
        if going:
            yield fail(
                "secret names",
                f"scheduled for deletion, so their names are taken: {', '.join(sorted(going))}",
                "; ".join(
                    f"aws secretsmanager delete-secret --force-delete-without-recovery --region {self.aws.region} "
                    f"--secret-id {name}"
                    for name in sorted(going)
                ),
            )
        else:
            yield self._taken("secret names", there, "delete the secrets, or terraform import them")

    def warehouse(self) -> Iterator[Line]:
        there = []
        for name in self.rendered.names("aws_redshift_cluster", "cluster_identifier"):
            try:
                self.aws.client("redshift").describe_clusters(ClusterIdentifier=name)
                there.append(name)
            except ClientError as error:
                if code_of(error) not in {*MISSING, "ClusterNotFoundFault"}:
                    raise
        wanted = self.rendered.names("aws_redshiftserverless_workgroup", "workgroup_name")
        if wanted:
            pages = self.aws.client("redshift-serverless").get_paginator("list_workgroups").paginate()
            there += [
                w["workgroupName"] for page in pages for w in page["workgroups"] if w["workgroupName"] in wanted
            ]
        yield self._taken("warehouse name", there, "delete it, or terraform import it")

    # --- what an account has once -----------------------------------------------------------------------------------

    def linked_roles(self) -> Iterator[Line]:
        for role, service in _LINKED.items():
            try:
                self.aws.client("iam").get_role(RoleName=role)
                yield ok("service-linked role", f"{role} is there")
            except ClientError as error:
                if code_of(error) not in MISSING:
                    yield refused("service-linked role", error)
                    continue
                yield warn(
                    "service-linked role",
                    f"{role} is not there yet; AWS makes it when an administrator applies",
                    f"without administrator rights: aws iam create-service-linked-role --aws-service-name {service}",
                )

    def github(self) -> Iterator[Line]:
        """An account registers GitHub once, however many environments it has."""
        answer = self.aws.client("iam").list_open_id_connect_providers()
        there = any(p["Arn"].endswith(f"/{_GITHUB}") for p in answer["OpenIDConnectProviderList"])
        planned = bool(self.rendered.of("aws_iam_openid_connect_provider"))
        wanted = bool(self.rendered.facts["github_repository"])
        if planned and there and not self.applied:
            yield fail(
                "GitHub sign-in",
                "GitHub is registered in this account already, and Terraform would register it again",
                "set create_github_oidc_provider = false in terraform.tfvars",
            )
        elif wanted and not planned and not there:
            yield fail(
                "GitHub sign-in",
                "GitHub is not registered in this account, and Terraform would not register it",
                "remove create_github_oidc_provider = false from terraform.tfvars",
            )
        else:
            yield ok(
                "GitHub sign-in",
                "registered" if there else "Terraform registers it" if planned else "not wanted",
            )

    def budget(self) -> Iterator[Line]:
        """Its mails reach somebody, and its name is free."""
        there = []
        for budget in self.rendered.of("aws_budgets_budget"):
            name = str(budget.values["name"])
            addresses = {
                address
                for notification in budget.values["notification"]
                for address in notification["subscriber_email_addresses"]
            }
            if not addresses:
                yield fail("budget", f"{name} tells nobody", "set alert_email in terraform.tfvars")
            try:
                self.aws.client("budgets", "us-east-1").describe_budget(AccountId=self.account, BudgetName=name)
                there.append(name)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    raise
        yield self._taken(
            "budget", there, "aws budgets delete-budget --budget-name NAME --account-id " + self.account
        )

    def cost_tags(self) -> Iterator[Line]:
        """Budgets count by tag once the tag is activated; a tag is listed about a day after its first use (AWS Billing
        user guide, "Activating user-defined cost allocation tags")."""
        wanted = sorted(_cost_tags(self.rendered))
        pages: Any = self.aws.client("ce", "us-east-1").list_cost_allocation_tags(
            Status="Active", TagKeys=wanted
        )
        active = {tag["TagKey"] for tag in pages["CostAllocationTags"]}
        if missing := [tag for tag in wanted if tag not in active]:
            status = json.dumps([{"TagKey": tag, "Status": "Active"} for tag in missing])
            yield warn(
                "cost tags",
                f"not active: {', '.join(missing)}; the budget counts nothing until they are",
                "a day after the first apply: aws ce update-cost-allocation-tags-status --region us-east-1 "
                f"--cost-allocation-tags-status '{status}'",
            )
        else:
            yield ok("cost tags", f"active: {', '.join(wanted)}")


def _cost_tags(rendered: Rendered) -> set[str]:
    """The tags that budgets filter by (``user:<key>$<value>``)."""
    return {
        value.removeprefix("user:").partition("$")[0]
        for budget in rendered.of("aws_budgets_budget")
        for item in budget.values.get("cost_filter", ())
        if item["name"] == "TagKeyValue"
        for value in item["values"]
    }
