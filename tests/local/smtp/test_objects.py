"""Objects of the local S3 in a browser: the links of Airflow and of mails open them, and nothing in them runs."""

from __future__ import annotations

import gzip
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from ecommerce_dwh.settings import Settings
from local import aws
from local.config import LocalConfig
from local.smtp import objects
from local.smtp.objects import ObjectReader
from local.smtp.server import MailServer
from local.stack.airflow import airflow_environ
from local.stack.ports import free_port


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> LocalConfig:
    home = tmp_path_factory.mktemp("objects")
    return replace(LocalConfig(), home=home, aws_port=free_port(), mail_port=free_port())


@pytest.fixture(scope="module")
def server(config: LocalConfig) -> Iterator[MailServer]:
    """The mailbox's server beside an S3 endpoint with the bucket ``lake``."""
    endpoint = aws.endpoint(config, command=[sys.executable, "-c", "raise SystemExit(1)"])
    endpoint.start()
    endpoint.store.create_bucket("lake", "ap-south-1")
    reader = ObjectReader(config)
    with MailServer("127.0.0.1", free_port(), config.mail_port, config.home / "mail", "", reader) as running:
        yield running
    endpoint.stop()


def _put(config: LocalConfig, key: str, content: bytes) -> str:
    """Put an object; the URL that the product writes for it."""
    environ = config.aws_environ()
    client = boto3.client(
        "s3",
        endpoint_url=config.aws_url,
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name="ap-south-1",
    )
    client.put_object(Bucket="lake", Key=key, Body=content)
    pattern = airflow_environ(config, "", "")["AIRFLOW__ECOMMERCE_DWH__OBJECT_URL"]
    return Settings(object_url=pattern).url_of("lake", key)


def _get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


@pytest.mark.parametrize(
    "key",
    [
        "quality/report.html",
        "a b.html",
        "tilde~ä.html",
        "q?u#e%20ry.html",
        "dt=2026-01-01//twice.html",
        "%2F.html",
    ],
)
def test_the_link_of_an_object_opens_it_in_a_sandbox(server: MailServer, config: LocalConfig, key: str) -> None:
    page = b"<title>Quality</title><script>alert(1)</script>"
    status, content, headers = _get(_put(config, key, page))
    assert (status, content) == (200, page)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"].endswith("; sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_compressed_text_is_shown_as_text(server: MailServer, config: LocalConfig) -> None:
    url = _put(config, "orders/day.csv.gz", gzip.compress(b"order_id\nO1\n"))
    status, content, headers = _get(url)
    assert (status, content, headers["Content-Type"]) == (200, b"order_id\nO1\n", "text/plain; charset=utf-8")


def test_what_is_no_text_is_a_download(server: MailServer, config: LocalConfig) -> None:
    content = b"PAR1\x00"
    status, found, headers = _get(_put(config, "accepted/part.parquet", content))
    assert (status, found, headers["Content-Type"]) == (200, content, "application/octet-stream")
    broken = b"\x1f\x8b no gzip"
    assert _get(_put(config, "orders/broken.csv.gz", broken))[1] == broken


def test_an_object_that_is_not_there_is_named(server: MailServer, config: LocalConfig) -> None:
    status, content, _ = _get(f"{config.mail_url}/s3/lake/no/such.html")
    assert (status, content) == (404, b"s3://lake/no/such.html cannot be read: NoSuchKey\n")
    assert _get(f"{config.mail_url}/s3/lakes/no/such.html")[0] == 404


def test_a_large_object_and_a_bomb_cost_bounded_memory(
    server: MailServer, config: LocalConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_BYTES", 1 << 20)
    url = _put(config, "large.html", bytes((1 << 20) + 1))
    status, content, _ = _get(url)
    assert status == 404
    assert b"larger than 1 MiB" in content
    bomb = _put(config, "bomb.csv.gz", gzip.compress(bytes(64 << 20)))
    assert len(_get(bomb)[1]) == 1 << 20


def test_a_page_of_another_origin_gets_nothing(server: MailServer, config: LocalConfig) -> None:
    url = _put(config, "secret.html", b"secret")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Host": "evil.example"},
    ):
        status, content, _ = _get(url, **headers)
        assert status == 403
        assert b"secret" not in content
    opened = _get(url, Sec_Fetch_Site="same-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert opened[0] == 200


def test_a_server_without_a_reader_shows_mails_only(tmp_path: Path) -> None:
    with MailServer("127.0.0.1", free_port(), free_port(), tmp_path) as running:
        assert _get(f"{running.page_url}/s3/lake/a.html")[0] == 404
