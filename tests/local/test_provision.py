"""Provisioning, and the artefacts it uploads."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile

from aws_local.testing import Aws
from ecommerce_dwh.settings import Settings
from local.config import LocalConfig
from local.packaging import build_library
from local.provision import provision


def test_everything_is_made_once_and_mended_when_it_differs(aws: Aws, aws_config: LocalConfig):
    settings = Settings()
    first = provision(aws_config, settings)
    assert not first.updated
    assert not first.unchanged
    second = provision(aws_config, settings)
    assert (second.created, second.updated) == ([], [])
    assert sorted(second.unchanged) == sorted(first.created)

    job = aws.glue.get_job(JobName=settings.processing_job)["Job"]
    aws.glue.update_job(JobName=settings.processing_job, JobUpdate={"Role": "x", "Command": job["Command"]})
    aws.glue.update_crawler(Name=settings.crawler, Targets={"S3Targets": [{"Path": "s3://elsewhere/"}]})
    aws.put(settings.scripts_bucket, "glue/ecommerce_dwh_glue.zip", b"stale")
    third = provision(aws_config, settings)
    assert not third.created
    assert third.updated == [
        "file glue/ecommerce_dwh_glue.zip",
        f"crawler {settings.crawler}",
        f"job {settings.processing_job}",
    ]
    assert "3 updated" in third.summary()


def test_provisioned_names_are_those_of_the_settings(aws: Aws, aws_config: LocalConfig):
    settings = Settings(env="prod", account_suffix="-123")
    provision(aws_config, settings)
    names = {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]}
    assert names == {f"ecommerce-dwh-prod-{purpose}-123" for purpose in ("raw", "processed", "scripts", "logs")}
    targets = aws.glue.get_crawler(Name=settings.crawler)["Crawler"]["Targets"]["S3Targets"]
    assert [target["Path"] for target in targets] == [
        f"s3://{settings.raw_bucket}/{source}/" for source in settings.sources
    ]
    job = aws.glue.get_job(JobName=settings.quality_job)["Job"]
    assert job["Command"]["ScriptLocation"] == f"s3://{settings.scripts_bucket}/glue/data_quality.py"
    assert job["DefaultArguments"]["--env"] == "prod"


def test_the_library_zip_is_reproducible_and_imports_without_airflow_or_yaml(tmp_path):
    content = build_library()
    assert content == build_library()
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert names == sorted(names)
    assert {"ecommerce_dwh/contracts/__init__.py", "ecommerce_dwh_glue/contracts.json"} <= set(names)
    contracts = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("ecommerce_dwh_glue/contracts.json"))
    assert contracts
    path = tmp_path / "library.zip"
    path.write_bytes(content)
    code = (
        "import sys; sys.modules['yaml'] = None; sys.modules['airflow'] = None; "
        f"sys.path.insert(0, {str(path)!r}); import ecommerce_dwh.contracts; print(ecommerce_dwh.contracts.__file__)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert str(path) in done.stdout
