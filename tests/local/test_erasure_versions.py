"""Erasing in buckets that keep versions, as on AWS: what was rewritten or deleted before is gone for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh_glue.erasure import Eraser, Person
from ecommerce_dwh_glue.storage import S3Storage
from local.config import REPO

DAY = "customers/dt=2026-03-01/part.csv"
OTHER = b"customer_id,first_name,email\nC2,Ravi,ravi@x.example\n"
MINE = OTHER + b"C1,Zubeida,zubeida@x.example\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        ("AWS_ENDPOINT_URL", server), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="ap-south-1")
    for bucket in ("raw", "processed"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield client
    for bucket in ("raw", "processed"):
        for version in client.list_object_versions(Bucket=bucket).get("Versions", []):
            client.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        for marker in client.list_object_versions(Bucket=bucket).get("DeleteMarkers", []):
            client.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
        client.delete_bucket(Bucket=bucket)


def eraser(mode: str = "erase") -> Eraser:
    contracts = load_contracts(REPO / "include" / "sources")
    person = Person("C1", "erased-1", frozenset({"Zubeida", "zubeida@x.example"}))
    return Eraser(S3Storage("ap-south-1"), {"raw": "raw", "processed": "processed"}, contracts, person, mode)


def bodies(s3: Any, bucket: str) -> list[bytes]:
    return [
        s3.get_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])["Body"].read()
        for v in s3.list_object_versions(Bucket=bucket).get("Versions", [])
    ]


def test_a_rewritten_file_leaves_no_older_version(s3: Any) -> None:
    for body in (MINE, OTHER, MINE):
        s3.put_object(Bucket="raw", Key=DAY, Body=body)
    s3.put_object(Bucket="raw", Key=DAY + "2", Body=OTHER)

    found, _ = eraser().raw(DAY)

    assert found is not None
    assert found.rows == 1
    assert sorted(bodies(s3, "raw")) == sorted([OTHER, OTHER + b"erased-1,,\n"])


def test_versions_of_files_that_were_replaced_or_deleted_long_ago_are_found(s3: Any) -> None:
    s3.put_object(Bucket="raw", Key=DAY, Body=MINE)
    s3.put_object(Bucket="raw", Key=DAY, Body=OTHER)
    gone = DAY.replace("part", "gone")
    s3.put_object(Bucket="raw", Key=gone, Body=MINE)
    s3.delete_object(Bucket="raw", Key=gone)
    old = sorted(S3Storage("ap-south-1").old_versions("raw", "customers/"))
    assert [key for key, _ in old] == [gone, DAY]

    looked = [eraser("search").raw(key, version)[0] for key, version in old]
    assert [found is not None for found in looked] == [True, True]
    assert len(bodies(s3, "raw")) == 3, "a search changes nothing"
    for key, version in old:
        eraser().raw(key, version)

    assert bodies(s3, "raw") == [OTHER]


def test_a_report_keeps_all_but_the_traces_in_every_version(s3: Any) -> None:
    key = "quality/dt=2026-03-01/report.json"
    s3.put_object(Bucket="processed", Key=key, Body=b'{"samples": ["C1 is odd", "C11 is fine"]}')

    assert eraser().processed(key) is not None

    assert bodies(s3, "processed") == [b'{"samples": ["erased-1 is odd", "C11 is fine"]}']
