"""Requests whose signature is missing, wrong, old, or another request's; each with the answer that AWS documents."""

from __future__ import annotations

import hashlib
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hostile_http import Answer, send
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_local.server import Endpoint
from aws_local.testing.signed_requests import signed_frames, signed_headers

BODY = b"0123456789" * 20_000
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def _code(answer: Answer) -> str:
    return ET.fromstring(answer.body).findtext(".//Code") or ""


def _url(aws: Endpoint, target: str) -> str:
    return f"http://127.0.0.1:{aws.port}{target}"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Lets botocore sign as if at another moment."""

    def sign_at(moment: datetime) -> None:
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None))

    return sign_at


def _changed(headers: dict[str, str], name: str, change: Callable[[str], str]) -> dict[str, str]:
    return {key: change(value) if key.lower() == name.lower() else value for key, value in headers.items()}


def _without(headers: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in names}


def _replaced(old: str, new: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: _changed(headers, "authorization", lambda value: value.replace(old, new))


# What is done to the headers of a valid PUT of an object, and S3's answer.
TAMPERED: list[tuple[str, Callable[[dict[str, str]], dict[str, str]], int, str]] = [
    ("no signature", lambda h: _without(h, "authorization"), 403, "AccessDenied"),
    ("an empty one", lambda h: _changed(h, "authorization", lambda _: ""), 400, "InvalidRequest"),
    (
        "version 2",
        lambda h: _changed(h, "authorization", lambda _: "AWS local:c2lnbmF0dXJl"),
        400,
        "InvalidRequest",
    ),
    (
        "basic",
        lambda h: _changed(h, "authorization", lambda _: "Basic bG9jYWw6bG9jYWw="),
        400,
        "InvalidRequest",
    ),
    ("bearer", lambda h: _changed(h, "authorization", lambda _: "Bearer local"), 400, "InvalidRequest"),
    ("another algorithm", _replaced("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), 400, "InvalidRequest"),
    ("asymmetric", _replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), 400, "InvalidRequest"),
    (
        "another key's name",
        _replaced("Credential=local/", "Credential=AKIAOTHER/"),
        403,
        "InvalidAccessKeyId",
    ),
    ("a name in other letters", _replaced("Credential=local/", "Credential=Local/"), 403, "InvalidAccessKeyId"),
    ("no key's name", _replaced("Credential=local/", "Credential=/"), 400, "AuthorizationHeaderMalformed"),
    ("another region", _replaced("/ap-south-1/", "/us-east-1/"), 403, "SignatureDoesNotMatch"),
    (
        "another day",
        _replaced(f"/{datetime.now(UTC):%Y%m%d}/", "/20200101/"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    ("another end", _replaced("/aws4_request", "/aws5_request"), 400, "AuthorizationHeaderMalformed"),
    (
        "no signature's value",
        lambda h: _changed(h, "authorization", lambda v: v.partition("Signature=")[0]),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "zeros",
        lambda h: _changed(h, "authorization", lambda v: v[:-64] + "0" * 64),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "upper case",
        lambda h: _changed(h, "authorization", lambda v: v[:-64] + v[-64:].upper() + "A"),
        403,
        "SignatureDoesNotMatch",
    ),
    ("half of it", lambda h: _changed(h, "authorization", lambda v: v[:-32]), 403, "SignatureDoesNotMatch"),
    ("no signed headers", _replaced("SignedHeaders=", "SignedNothing="), 403, "AccessDenied"),
    ("host is not signed", _replaced("SignedHeaders=host;", "SignedHeaders="), 403, "AccessDenied"),
    ("a header more", lambda h: {**h, "x-amz-meta-evil": "1"}, 403, "AccessDenied"),
    ("an ACL more", lambda h: {**h, "x-amz-acl": "public-read"}, 403, "AccessDenied"),
    ("a source more", lambda h: {**h, "x-amz-copy-source": "/lake/secret"}, 403, "AccessDenied"),
    (
        "a signed header's value",
        lambda h: _changed(h, "x-amz-meta-a", lambda _: "2"),
        403,
        "SignatureDoesNotMatch",
    ),
    ("a signed header less", lambda h: _without(h, "x-amz-meta-a"), 403, "SignatureDoesNotMatch"),
    (
        "another date",
        lambda h: _changed(h, "x-amz-date", lambda v: v[:-2] + ("1Z" if v[-2] != "1" else "2Z")),
        403,
        "SignatureDoesNotMatch",
    ),
    ("no date", lambda h: _without(h, "x-amz-date"), 400, "AuthorizationHeaderMalformed"),
    (
        "a date that is none",
        lambda h: _changed(h, "x-amz-date", lambda _: "yesterday"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    (
        "a date of year 0",
        lambda h: _changed(h, "x-amz-date", lambda _: "00000101T000000Z"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    (
        "another payload's hash",
        lambda h: _changed(h, "x-amz-content-sha256", lambda _: "0" * 64),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "unsigned payload",
        lambda h: _changed(h, "x-amz-content-sha256", lambda _: "UNSIGNED-PAYLOAD"),
        403,
        "SignatureDoesNotMatch",
    ),
    ("no payload's hash", lambda h: _without(h, "x-amz-content-sha256"), 400, "AuthorizationHeaderMalformed"),
    ("another host", lambda h: {**h, "Host": "localhost:{port}"}, 403, "SignatureDoesNotMatch"),
    ("a session's token", lambda h: {**h, "x-amz-security-token": "FwoGZXIvYXdzEXAMPLE"}, 400, "InvalidToken"),
]


@pytest.mark.parametrize(
    ("change", "status", "code"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED]
)
def test_a_changed_request_is_refused(
    aws: Endpoint, change: Callable[[dict[str, str]], dict[str, str]], status: int, code: str
) -> None:
    headers = change(signed_headers("PUT", _url(aws, "/lake/k"), body=b"x", headers={"x-amz-meta-a": "1"}))
    filled = {name: value.replace("{port}", str(aws.port)) for name, value in headers.items()}
    answer = send(aws.port, "PUT", "/lake/k", filled, b"x")
    assert (answer.status, _code(answer)) == (status, code), answer
    assert aws.store.list_page("lake", "", "", "", 10).objects == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/lake/other"),
        ("DELETE", "/lake/k"),
        ("GET", "/lake/k"),
        ("PUT", "/lake/k?tagging"),
        ("PUT", "/lake"),
        ("PUT", "/lake/k?versionId=1"),
        ("PUT", "/lake/k/"),
        ("PUT", "/lake//k"),
        ("PUT", "/lake/./k"),
        ("PUT", "/lake/%6b%00"),
        ("POST", "/lake?delete"),
        ("DELETE", "/lake"),
        ("GET", "/"),
    ],
)
def test_a_signature_is_good_for_one_request_only(aws: Endpoint, method: str, target: str) -> None:
    headers = signed_headers("PUT", _url(aws, "/lake/k"), body=b"x")
    answer = send(aws.port, method, target, headers, b"x" if method in {"PUT", "POST"} else b"")
    assert (answer.status, _code(answer)) == (403, "SignatureDoesNotMatch")
    assert aws.store.list_page("lake", "", "", "", 10).objects == []


@pytest.mark.parametrize("secret", ["", "Local", "local ", "wrong", "l" * 40])
def test_another_secret_is_refused(aws: Endpoint, secret: str) -> None:
    headers = signed_headers("PUT", _url(aws, "/lake/k"), body=b"x", secret=secret)
    answer = send(aws.port, "PUT", "/lake/k", headers, b"x")
    assert (answer.status, _code(answer)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("minutes", "taken"), [(-14, True), (14, True), (-16, False), (16, False), (-1440, False), (525_600, False)]
)
def test_a_request_is_fresh_for_fifteen_minutes(
    aws: Endpoint, at: Callable[[datetime], None], minutes: int, taken: bool
) -> None:
    at(datetime.now(UTC) + timedelta(minutes=minutes))
    answer = send(aws.port, "GET", "/lake", signed_headers("GET", _url(aws, "/lake")))
    assert answer.status == (200 if taken else 403)
    assert taken or _code(answer) == "RequestTimeTooSkewed"


@pytest.mark.parametrize(
    "body", [b"", b"y", b"xx", BODY, b"x\0"], ids=["empty", "another", "longer", "much longer", "with a zero"]
)
def test_another_body_than_the_signed_one_is_not_kept(aws: Endpoint, body: bytes) -> None:
    headers = signed_headers("PUT", _url(aws, "/lake/k"), body=b"x")
    answer = send(aws.port, "PUT", "/lake/k", headers, body)
    assert (answer.status, _code(answer)) == (400, "XAmzContentSHA256Mismatch")
    assert aws.store.list_page("lake", "", "", "", 10).objects == []


@pytest.mark.parametrize("target", ["/lake?policy", "/lake?versioning", "/lake?encryption"])
def test_bucket_settings_are_checked_before_they_are_kept(aws: Endpoint, target: str) -> None:
    headers = signed_headers("PUT", _url(aws, target), body=b"{}")
    answer = send(aws.port, "PUT", target, headers, b'{"Statement": []}')
    assert (answer.status, _code(answer)) == (400, "XAmzContentSHA256Mismatch")


def _chunked(aws: Endpoint) -> tuple[dict[str, str], list[bytes]]:
    chunks = [BODY[start : start + 65_536] for start in range(0, len(BODY), 65_536)]
    headers = signed_headers(
        "PUT",
        _url(aws, "/lake/k"),
        headers={
            "X-Amz-Content-SHA256": STREAMING,
            "x-amz-decoded-content-length": str(len(BODY)),
            "Content-Encoding": "aws-chunked",
        },
    )
    return headers, chunks


CHUNKS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("another byte", lambda body: body.replace(b"9012", b"9013", 1), "SignatureDoesNotMatch"),
    (
        "another signature",
        lambda body: body.replace(b"chunk-signature=", b"chunk-signature=0", 1),
        "SignatureDoesNotMatch",
    ),
    ("no signature", lambda body: body.replace(b";chunk-signature=", b";other=", 1), "SignatureDoesNotMatch"),
    ("cut after a chunk", lambda body: body[: body.index(b"\r\n", 70_000)], "IncompleteBody"),
    ("cut before its end", lambda body: body[:100], "IncompleteBody"),
    (
        "an end of one's own",
        lambda body: body[: body.rindex(b"0;chunk")] + b"0\r\n\r\n",
        "SignatureDoesNotMatch",
    ),
    ("a size that is none", lambda body: b"zz" + body[5:], "InvalidRequest"),
    ("no frames", lambda _: b"plain", "InvalidRequest"),
    ("nothing", lambda _: b"", "IncompleteBody"),
]


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in CHUNKS], ids=[row[0] for row in CHUNKS])
def test_a_changed_chunk_is_refused(aws: Endpoint, change: Callable[[bytes], bytes], code: str) -> None:
    headers, chunks = _chunked(aws)
    answer = send(aws.port, "PUT", "/lake/k", headers, change(signed_frames(headers, chunks)))
    assert _code(answer) == code, answer
    assert answer.status in (400, 403)
    assert aws.store.list_page("lake", "", "", "", 10).objects == []


def test_chunks_in_another_order_are_refused(aws: Endpoint) -> None:
    headers, chunks = _chunked(aws)
    frames = signed_frames(headers, [BODY[:65_536][::-1], BODY[:65_536]])
    half = len(frames) // 2
    answer = send(aws.port, "PUT", "/lake/k", headers, frames[half - 20 :] + frames[: half - 20])
    assert answer.status in (400, 403)
    answer = send(aws.port, "PUT", "/lake/k", headers, signed_frames(headers, chunks))
    assert answer.status == 200
    assert hashlib.sha256(_object(aws, "k")).digest() == hashlib.sha256(BODY).digest()
    aws.store.delete("lake", ["k"])


def _object(aws: Endpoint, key: str) -> bytes:
    with aws.store.open(aws.store.get("lake", key)) as file:
        return file.read()


def _client(aws: Endpoint, service: str, key: str = "local", secret: str = "local", **options: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=_url(aws, ""),
        region_name="ap-south-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, **options),
    )


CALLS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("glue", lambda client: client.get_jobs(), "json"),
    ("glue", lambda client: client.create_database(DatabaseInput={"Name": "evil"}), "json"),
    ("logs", lambda client: client.describe_log_groups(), "json"),
    ("kms", lambda client: client.list_keys(), "json"),
    ("secretsmanager", lambda client: client.list_secrets(), "json"),
    ("events", lambda client: client.list_rules(), "json"),
    ("sns", lambda client: client.list_topics(), "query"),
    ("iam", lambda client: client.list_roles(), "query"),
    ("sts", lambda client: client.get_caller_identity(), "query"),
    ("redshift", lambda client: client.describe_clusters(), "query"),
    ("s3", lambda client: client.list_buckets(), "s3"),
]
CODES = {
    "json": ("UnrecognizedClientException", "InvalidSignatureException", "InvalidSignatureException"),
    "query": ("InvalidClientTokenId", "SignatureDoesNotMatch", "RequestExpired"),
    "s3": ("InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
}


@pytest.mark.parametrize(("service", "call", "form"), CALLS)
def test_each_service_says_it_in_its_own_words(
    aws: Endpoint, at: Callable[[datetime], None], service: str, call: Callable[[Any], Any], form: str
) -> None:
    call(_client(aws, service))
    wrong_key, wrong_secret = _client(aws, service, "AKIAOTHER"), _client(aws, service, secret="other")
    for client, code in zip((wrong_key, wrong_secret), CODES[form][:2], strict=True):
        with pytest.raises(ClientError) as caught:
            call(client)
        assert caught.value.response["Error"]["Code"] == code
    at(datetime.now(UTC) - timedelta(minutes=20))
    with pytest.raises(ClientError) as caught:
        call(_client(aws, service))
    assert caught.value.response["Error"]["Code"] == CODES[form][2]


@pytest.mark.parametrize(
    ("headers", "target", "code"),
    [
        ({"X-Amz-Target": "AWSGlue.GetJobs", "Content-Type": "application/x-amz-json-1.1"}, "/", "MissingAuth"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "/", "MissingAuthenticationToken"),
        ({}, "/?Action=ListTopics", "MissingAuthenticationToken"),
        ({}, "/?Action=AssumeRole&RoleArn=x", "MissingAuthenticationToken"),
        ({}, "/moto-api/reset", "AccessDenied"),
        ({}, "/moto-api/data.json", "AccessDenied"),
        ({}, "/latest/meta-data/iam/security-credentials/", "AccessDenied"),
        ({}, "/lake/k", "AccessDenied"),
        ({}, "/lake", "AccessDenied"),
    ],
)
def test_nothing_is_done_without_a_signature(
    aws: Endpoint, headers: dict[str, str], target: str, code: str
) -> None:
    for method in ("POST", "GET", "PUT", "DELETE"):
        answer = send(aws.port, method, target, headers)
        assert answer.status in (400, 403), (method, answer)
        assert code in answer.text


def test_the_links_of_a_subscription_need_none(aws: Endpoint) -> None:
    """As on AWS: what they carry is a token."""
    for action in ("ConfirmSubscription", "Unsubscribe"):
        answer = send(aws.port, "GET", f"/?Action={action}&TopicArn=none&Token=none&SubscriptionArn=none")
        assert "MissingAuthenticationToken" not in answer.text
        assert send(aws.port, "POST", f"/?Action={action}").status == 403


LINKS: list[tuple[str, Callable[[str], str], int, str]] = [
    ("another key", lambda link: link.replace("/k?", "/j?"), 403, "SignatureDoesNotMatch"),
    (
        "longer life",
        lambda link: link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "endless life",
        lambda link: link.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    ("no life", lambda link: link.replace("&X-Amz-Expires=60", ""), 400, "AuthorizationHeaderMalformed"),
    (
        "negative life",
        lambda link: link.replace("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    ("a parameter more", lambda link: link + "&response-content-type=text/html", 403, "SignatureDoesNotMatch"),
    ("no signature", lambda link: link.partition("&X-Amz-Signature")[0], 403, "AccessDenied"),
    (
        "another algorithm",
        lambda link: link.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        400,
        "InvalidRequest",
    ),
    (
        "version 2",
        lambda link: link.partition("?")[0] + "?AWSAccessKeyId=local&Signature=x&Expires=9999999999",
        400,
        "InvalidRequest",
    ),
    ("another name", lambda link: link.replace("=local%2F", "=other%2F"), 403, "InvalidAccessKeyId"),
    ("a token", lambda link: link + "&X-Amz-Security-Token=x", 400, "InvalidToken"),
]


@pytest.mark.parametrize(
    ("change", "status", "code"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS]
)
def test_a_changed_link_is_refused(aws: Endpoint, change: Callable[[str], str], status: int, code: str) -> None:
    s3 = _client(aws, "s3", signature_version="s3v4", s3={"addressing_style": "path"})
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    try:
        link = s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "k"}, ExpiresIn=60)
        target = link.partition(str(aws.port))[2]
        assert send(aws.port, "GET", target).body == b"x"
        answer = send(aws.port, "GET", change(target))
        assert (answer.status, _code(answer)) == (status, code)
        assert send(aws.port, "DELETE", target).status == 403
    finally:
        s3.delete_object(Bucket="lake", Key="k")


def test_a_link_ends(aws: Endpoint, at: Callable[[datetime], None]) -> None:
    s3 = _client(aws, "s3", signature_version="s3v4", s3={"addressing_style": "path"})
    at(datetime.now(UTC) - timedelta(seconds=70))
    link = s3.generate_presigned_url("list_objects_v2", {"Bucket": "lake"}, ExpiresIn=60)
    answer = send(aws.port, "GET", link.partition(str(aws.port))[2])
    assert (answer.status, _code(answer)) == (403, "AccessDenied")
    link = s3.generate_presigned_url("list_objects_v2", {"Bucket": "lake"}, ExpiresIn=3600)
    assert send(aws.port, "GET", link.partition(str(aws.port))[2]).status == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(key=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40))
def test_every_name_of_an_object_is_signed_as_it_is(aws: Endpoint, key: str) -> None:
    """The check and the signer of boto3 agree on every spelling of a path."""
    s3 = _client(aws, "s3", s3={"addressing_style": "path"})
    s3.put_object(Bucket="lake", Key=key, Body=b"x", Metadata={"a": "two  blanks "})
    assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == b"x"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="lake", Prefix=key)["Contents"]][:1] == [key]
    s3.delete_object(Bucket="lake", Key=key)


def test_a_refused_upload_does_not_disturb_the_next(aws: Endpoint) -> None:
    """Connections are kept: what follows a refused body must not be taken for a request."""
    s3 = _client(aws, "s3", s3={"addressing_style": "path"})
    failures: list[str] = []

    def upload(number: int) -> None:
        try:
            answer = send(aws.port, "PUT", f"/lake/bad{number}", {"Origin": "https://evil.example"}, BODY)
            assert answer.status == 403
            s3.put_object(Bucket="lake", Key=f"good{number}", Body=BODY)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    names = [stored.key for stored in aws.store.list_page("lake", "", "", "", 100).objects]
    assert names == [f"good{number}" for number in range(8)]
    aws.store.delete("lake", names)
