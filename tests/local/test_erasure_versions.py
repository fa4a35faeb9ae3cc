"""Erasing in buckets that keep versions, as on AWS: what was rewritten or deleted before is gone for good."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.processed_objects import look_at_processed
from ecommerce_dwh_glue.erasure.raw_objects import look_at_raw
from ecommerce_dwh_glue.erasure.work import Work
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
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ):
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


def work(mode: str = "erase") -> Work:
    contracts = load_contracts(REPO / "include" / "sources")
    known = {"given_name": frozenset({"Zubeida"}), "email": frozenset({"zubeida@x.example"})}
    person = Person("C1", "erased-1", known)
    return Work(S3Storage("ap-south-1"), {"raw": "raw", "processed": "processed"}, contracts, person, mode)


def bodies(s3: Any, bucket: str) -> list[bytes]:
    return [
        s3.get_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])["Body"].read()
        for v in s3.list_object_versions(Bucket=bucket).get("Versions", [])
    ]


def test_a_rewritten_file_leaves_no_older_version(s3: Any) -> None:
    for body in (MINE, OTHER, MINE):
        s3.put_object(Bucket="raw", Key=DAY, Body=body)
    s3.put_object(Bucket="raw", Key=DAY + "2", Body=OTHER)

    assert look_at_raw(work(), DAY).rows == 1
    assert sorted(bodies(s3, "raw")) == sorted([OTHER, OTHER + b"erased-1,,\n"])


def test_versions_of_files_that_were_replaced_or_deleted_long_ago_are_found(s3: Any) -> None:
    s3.put_object(Bucket="raw", Key=DAY, Body=MINE)
    s3.put_object(Bucket="raw", Key=DAY, Body=OTHER)
    gone = DAY.replace("part", "gone")
    s3.put_object(Bucket="raw", Key=gone, Body=MINE)
    s3.delete_object(Bucket="raw", Key=gone)
    old = sorted(S3Storage("ap-south-1").old_versions("raw", "customers/"))
    assert [key for key, _ in old] == [gone, DAY]

    assert [look_at_raw(work("search"), key, version).rows for key, version in old] == [1, 1]
    assert len(bodies(s3, "raw")) == 3, "a search changes nothing"
    for key, version in old:
        look_at_raw(work(), key, version)

    assert bodies(s3, "raw") == [OTHER]


def test_a_report_keeps_all_but_the_traces_in_every_version(s3: Any) -> None:
    """A sample of a source of persons is a person's key; the same text elsewhere is something else."""
    key = "quality/dt=2026-03-01/report.json"

    def report(sample: str, message: str) -> dict[str, Any]:
        tables = [
            {"source": "customers", "rules": [{"rule": "r", "samples": [sample, "C11"], "message": message}]},
            {"source": "orders", "rules": [{"rule": "r", "samples": ["C1"], "message": ""}]},
        ]
        return {"tables": tables}

    s3.put_object(Bucket="processed", Key=key.replace("json", "html"), Body=b"<code>C1</code>")
    s3.put_object(
        Bucket="processed",
        Key=key,
        Body=json.dumps(report("C1", "ZUBEIDA%40x.example is odd, 1 is fine")).encode(),
    )

    assert look_at_processed(work(), key).rows == 1

    (left,) = [json.loads(body) for body in bodies(s3, "processed")]
    assert left == report("erased-1", "xxxxxxxxx.xxxxxxx is odd, 1 is fine")


def test_a_file_whose_name_says_who_it_is_about_gets_another_name(s3: Any) -> None:
    day = "customers/dt=2026-03-01"
    first, second = f"{day}/zubeida@x.example.csv", f"{day}/sub/export-Zubeida%40x.example.csv.gz"
    s3.put_object(Bucket="raw", Key=first, Body=OTHER)
    s3.put_object(Bucket="raw", Key=second, Body=gzip.compress(OTHER, mtime=0))

    assert look_at_raw(work(), first).renamed
    assert not look_at_raw(work(), second).renamed, "may be another address"
    (question,) = look_at_raw(work("search"), second).questions
    answered = work()
    answered.answers = {question.id: "erase"}
    assert look_at_raw(answered, second).renamed

    listed = s3.list_object_versions(Bucket="raw")
    keys = {item["Key"] for kind in ("Versions", "DeleteMarkers") for item in listed.get(kind, [])}
    assert len(keys) == 2
    assert all("erased-1-" in key for key in keys)
    assert sorted(bodies(s3, "raw")) == sorted([OTHER, gzip.compress(OTHER, mtime=0)])
