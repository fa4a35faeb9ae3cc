"""Makes on the local endpoint the resources that Terraform makes on AWS: ``python -m local.provision``.

Names come from the product's own settings. Each run leaves alone what is
current, updates what differs, and lists both in its summary.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.config import REPO, LocalConfig, load_config
from local.packaging import LIBRARY, build_library, job_scripts

sys.path.insert(0, str(REPO / "plugins"))
from ecommerce_dwh.settings import PROJECT, Settings, get_settings

ACCOUNT = "123456789012"


class Provisioner:
    """Brings one deployment's resources to their wanted state and counts what it did."""

    def __init__(self, config: LocalConfig, settings: Settings) -> None:
        self.settings = settings
        self.created: list[str] = []
        self.updated: list[str] = []
        self.unchanged: list[str] = []
        options = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"})

        def client(service: str) -> Any:
            return config.aws_client(service, region_name=settings.region, config=options)

        self.s3, self.glue, self.iam, self.sns = client("s3"), client("glue"), client("iam"), client("sns")

    @property
    def role(self) -> str:
        return f"{self.settings.prefix}-glue"

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.role}"

    @property
    def tags(self) -> dict[str, str]:
        return {"Project": PROJECT, "Environment": self.settings.env}

    def run(self) -> None:
        """Create or update everything."""
        settings = self.settings
        for bucket in (
            settings.raw_bucket,
            settings.processed_bucket,
            settings.scripts_bucket,
            settings.logs_bucket,
        ):
            self._bucket(bucket)
        self._artefacts()
        self._role()
        self._topic(f"{settings.prefix}-alerts")
        self._database(settings.catalog_database)
        self._crawler()
        self._job(settings.processing_job, "data_processing.py")
        self._job(settings.quality_job, "data_quality.py")
        self._job(settings.erasure_job, "data_erasure.py")

    def _ensure(self, what: str, exists: Callable[[], Any], create: Callable[[], Any], missing: str) -> bool:
        """Create a resource unless it is there; whether it was there."""
        try:
            exists()
        except ClientError as error:
            if error.response["Error"]["Code"] != missing:
                raise
            create()
            self.created.append(what)
            return False
        return True

    def _bucket(self, name: str) -> None:
        region = {"LocationConstraint": self.settings.region}
        if self._ensure(
            f"bucket {name}",
            lambda: self.s3.head_bucket(Bucket=name),
            lambda: self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=region),
            "404",
        ):
            self.unchanged.append(f"bucket {name}")

    def _artefacts(self) -> None:
        files = {**job_scripts(), LIBRARY: build_library()}
        for name, content in files.items():
            key = f"glue/{name}"
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            try:
                old = self.s3.head_object(Bucket=self.settings.scripts_bucket, Key=key)["ETag"].strip('"')
            except ClientError as error:
                if error.response["Error"]["Code"] != "404":
                    raise
                old = None
            if old == digest:
                self.unchanged.append(f"file {key}")
                continue
            self.s3.put_object(Bucket=self.settings.scripts_bucket, Key=key, Body=content)
            (self.updated if old else self.created).append(f"file {key}")

    def _role(self) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        if self._ensure(
            f"role {self.role}",
            lambda: self.iam.get_role(RoleName=self.role),
            lambda: self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=json.dumps(trust)),
            "NoSuchEntity",
        ):
            self.unchanged.append(f"role {self.role}")

    def _topic(self, name: str) -> None:
        arn = f"arn:aws:sns:{self.settings.region}:{ACCOUNT}:{name}"
        if self._ensure(
            f"topic {name}",
            lambda: self.sns.get_topic_attributes(TopicArn=arn),
            lambda: self.sns.create_topic(Name=name),
            "NotFound",
        ):
            self.unchanged.append(f"topic {name}")

    def _database(self, name: str) -> None:
        if self._ensure(
            f"catalog database {name}",
            lambda: self.glue.get_database(Name=name),
            lambda: self.glue.create_database(
                DatabaseInput={"Name": name, "Description": "Raw files as they arrive"}
            ),
            "EntityNotFoundException",
        ):
            self.unchanged.append(f"catalog database {name}")

    def _crawler(self) -> None:
        settings = self.settings
        wanted = {
            "Role": self.role_arn,
            "DatabaseName": settings.catalog_database,
            "Description": "Schemas and partitions of the raw files",
            "Targets": {
                "S3Targets": [{"Path": f"s3://{settings.raw_bucket}/{source}/"} for source in settings.sources]
            },
            "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
            "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        }
        name = settings.crawler
        what = f"crawler {name}"
        if not self._ensure(
            what,
            lambda: self.glue.get_crawler(Name=name),
            lambda: self.glue.create_crawler(Name=name, Tags=self.tags, **wanted),
            "EntityNotFoundException",
        ):
            return
        if _covers(self.glue.get_crawler(Name=name)["Crawler"], wanted):
            self.unchanged.append(what)
        else:
            self.glue.update_crawler(Name=name, **wanted)
            self.updated.append(what)

    def _job(self, name: str, script: str) -> None:
        settings = self.settings
        scripts = f"s3://{settings.scripts_bucket}/glue"
        wanted = {
            "Role": self.role_arn,
            "Command": {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": f"{scripts}/{script}"},
            "DefaultArguments": {
                "--env": settings.env,
                "--region": settings.region,
                "--raw_bucket": settings.raw_bucket,
                "--processed_bucket": settings.processed_bucket,
                "--start_date": "latest",
                "--end_date": "latest",
                "--run_id": "manual",
                "--extra-py-files": f"{scripts}/{LIBRARY}",
                "--enable-metrics": "true",
                "--job-bookmark-option": "job-bookmark-disable",
                "--TempDir": f"s3://{settings.logs_bucket}/glue-temp/",
            },
            "ExecutionProperty": {"MaxConcurrentRuns": 3},
            "MaxRetries": 0,
            "Timeout": 120,
            "GlueVersion": "5.1",
            "WorkerType": "G.1X",
            "NumberOfWorkers": 2,
        }
        what = f"job {name}"
        if not self._ensure(
            what,
            lambda: self.glue.get_job(JobName=name),
            lambda: self.glue.create_job(Name=name, Tags=self.tags, **wanted),
            "EntityNotFoundException",
        ):
            return
        if _covers(self.glue.get_job(JobName=name)["Job"], wanted):
            self.unchanged.append(what)
        else:
            self.glue.update_job(JobName=name, JobUpdate=wanted)
            self.updated.append(what)

    def summary(self) -> str:
        """One line per change and a count."""
        lines = [f"  created {name}" for name in self.created] + [f"  updated {name}" for name in self.updated]
        counts = f"{len(self.created)} created, {len(self.updated)} updated, {len(self.unchanged)} unchanged"
        return "\n".join([f"{self.settings.prefix}: {counts}", *lines])


def _covers(found: Any, wanted: Any) -> bool:
    """Whether every wanted field has its wanted value; further fields of the answer are ignored."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and _covers(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_covers, found, wanted))
    return found == wanted


def provision(config: LocalConfig, settings: Settings | None = None) -> Provisioner:
    """Provision and return what was done.

    Raises:
        BotoCoreError, ClientError: the endpoint does not answer, or refuses.
    """
    provisioner = Provisioner(config, settings or get_settings())
    provisioner.run()
    return provisioner


def main() -> int:
    """Provision and print a summary; the exit code is 1 when the endpoint refused."""
    try:
        print(provision(load_config()).summary())
    except (BotoCoreError, ClientError) as error:
        print(f"provisioning failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
