"""Fixtures: real data sets, a bucket, and a small generated shop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from data_room import DAYS
from moto.server import ThreadedMotoServer

from shop_data.generate import Generator, Plan, day_range, generate


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets; CI must have them, a developer may."""
    folder = os.environ.get("DWH_REAL_DATA", "")
    if folder and Path(folder).is_dir():
        return Path(folder)
    if os.environ.get("CI"):
        pytest.fail("DWH_REAL_DATA must name the folder of the real data sets in CI")
    pytest.skip("DWH_REAL_DATA names no folder of real data sets")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """URL of an empty bucket that the commands reach through the environment."""
    for name, value in (
        ("AWS_ENDPOINT_URL", s3_endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "ap-south-1"),
    ):
        monkeypatch.setenv(name, value)
    name = "raw-" + request.node.name.replace("_", "-").lower()[:50].strip("-")
    client = boto3.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return f"s3://{name}"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generator]:
    """Four dirty days of a small shop in a folder, and the generator that made them."""
    folder = tmp_path_factory.mktemp("shop") / "raw"
    return folder, generate(Plan(DAYS, lines_per_day=5_000, dirt="heavy"), str(folder))


@pytest.fixture(scope="session")
def clean_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of a clean shop as plain CSV: long enough for returns."""
    folder = tmp_path_factory.mktemp("clean") / "raw"
    plan = Plan(day_range("2026-01-01:2026-01-20"), lines_per_day=2_000, dirt="none", file_format="csv")
    generate(plan, str(folder))
    return folder
