"""S3 as boto3 and Spark's S3A use it."""

from __future__ import annotations

import hashlib
import io
import socket
import urllib.request

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from aws_local.testing import Aws
from aws_local.testing.signed_requests import signed_frames, signed_headers


@pytest.fixture
def bucket(aws: Aws) -> str:
    return aws.bucket("lake")


def refusal(call) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    "key",
    [
        "plain",
        "a b/ü+x=1&y?.csv",
        "dt=2024-01-01/part-0.csv",
        "a//b",
        "/lead",
        "per%20cent",
        "q'<>\"#",
        "日本/😀",
    ],
)
def test_any_key_comes_back_as_it_went(aws: Aws, bucket: str, key: str):
    aws.put(bucket, key, key.encode())
    assert aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [item["Key"] for item in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_headers_and_metadata_are_kept(aws: Aws, bucket: str):
    aws.s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"{}",
        ContentType="application/json",
        ContentEncoding="gzip",
        CacheControl="no-cache",
        Metadata={"run": "7"},
        Tagging="pii=yes&owner=x",
    )
    head = aws.s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["ContentEncoding"], head["CacheControl"]) == (
        "application/json",
        "gzip",
        "no-cache",
    )
    assert head["Metadata"] == {"run": "7"}
    assert head["ETag"] == f'"{hashlib.md5(b"{}").hexdigest()}"'
    tags = aws.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"pii": "yes", "owner": "x"}


@pytest.mark.parametrize(
    ("header", "body", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_ranges(aws: Aws, bucket: str, header: str, body: bytes, content_range: str):
    aws.put(bucket, "k", b"0123456789")
    answer = aws.s3.get_object(Bucket=bucket, Key="k", Range=header)
    assert answer["Body"].read() == body
    assert (answer["ContentRange"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (content_range, 206)


def test_refusals_are_those_of_s3(aws: Aws, bucket: str):
    aws.put(bucket, "k", b"0123456789")
    s3 = aws.s3
    assert refusal(lambda: s3.get_object(Bucket=bucket, Key="none")) == ("NoSuchKey", 404)
    assert refusal(lambda: s3.head_object(Bucket=bucket, Key="none")) == ("404", 404)
    assert refusal(lambda: s3.get_object(Bucket="nobucket", Key="k")) == ("NoSuchBucket", 404)
    assert refusal(lambda: s3.list_objects_v2(Bucket="nobucket")) == ("NoSuchBucket", 404)
    assert refusal(lambda: s3.put_object(Bucket="nobucket", Key="k", Body=b"")) == ("NoSuchBucket", 404)
    assert refusal(lambda: s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-")) == ("InvalidRange", 416)
    assert refusal(lambda: s3.delete_bucket(Bucket=bucket)) == ("BucketNotEmpty", 409)
    assert refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*")) == (
        "PreconditionFailed",
        412,
    )
    assert refusal(lambda: s3.get_object(Bucket=bucket, Key="k", IfMatch='"x"'))[1] == 412
    assert (
        refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"a", ContentMD5="AAAA"))[0] == "BadDigest"
    )
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"0123456789"


def test_listing_pages_and_folds(aws: Aws, bucket: str):
    keys = [f"orders/dt=2024-01-{day:02d}/{part}.csv" for day in range(1, 6) for part in range(3)]
    for key in [*keys, "readme"]:
        aws.put(bucket, key, b"")
    pages = aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="orders/", PaginationConfig={"PageSize": 4}
    )
    assert [item["Key"] for page in pages for item in page["Contents"]] == keys
    pages = list(
        aws.s3.get_paginator("list_objects").paginate(
            Bucket=bucket, Delimiter="/", Prefix="orders/", PaginationConfig={"PageSize": 2}
        )
    )
    assert len(pages) == 3
    assert [item["Prefix"] for page in pages for item in page["CommonPrefixes"]] == [
        f"orders/dt=2024-01-{day:02d}/" for day in range(1, 6)
    ]
    top = aws.s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in top["CommonPrefixes"]] == ["orders/"]
    assert [item["Key"] for item in top["Contents"]] == ["readme"]
    after = aws.s3.list_objects_v2(Bucket=bucket, StartAfter=keys[-2])
    assert [item["Key"] for item in after["Contents"]] == [keys[-1], "readme"]
    versions = aws.s3.list_object_versions(Bucket=bucket, Prefix="readme")["Versions"]
    assert [(item["Key"], item["VersionId"]) for item in versions] == [("readme", "null")]


def test_multipart_upload_and_copy(aws: Aws, bucket: str):
    body = bytes(range(256)) * 80_000  # 20 MB
    config = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=6 << 20)
    aws.s3.upload_fileobj(io.BytesIO(body), bucket, "big", ExtraArgs={"ContentType": "x/y"}, Config=config)
    head = aws.s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-4"')
    assert (head["ContentLength"], head["ContentType"]) == (len(body), "x/y")
    aws.s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    got = io.BytesIO()
    aws.s3.download_fileobj(bucket, "copy", got)
    assert got.getvalue() == body
    assert "Uploads" not in aws.s3.list_multipart_uploads(Bucket=bucket)


def test_multipart_upload_is_checked_and_can_be_dropped(aws: Aws, bucket: str):
    upload = {"Bucket": bucket, "Key": "k"}
    upload["UploadId"] = aws.s3.create_multipart_upload(**upload)["UploadId"]
    aws.s3.upload_part(**upload, PartNumber=1, Body=b"part")
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00"'}]}
    assert (
        refusal(lambda: aws.s3.complete_multipart_upload(**upload, MultipartUpload=wrong))[0] == "InvalidPart"
    )
    assert [part["Size"] for part in aws.s3.list_parts(**upload)["Parts"]] == [4]
    aws.s3.abort_multipart_upload(**upload)
    assert refusal(lambda: aws.s3.list_parts(**upload)) == ("NoSuchUpload", 404)
    assert aws.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_small_part_is_taken_only_at_the_end(aws: Aws, bucket: str):
    def complete(*sizes: int) -> dict:
        upload = {"Bucket": bucket, "Key": "k"}
        upload["UploadId"] = aws.s3.create_multipart_upload(**upload)["UploadId"]
        parts = [
            {"PartNumber": n, "ETag": aws.s3.upload_part(**upload, PartNumber=n, Body=b"x" * size)["ETag"]}
            for n, size in enumerate(sizes, 1)
        ]
        return aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    least = 5 << 20
    assert refusal(lambda: complete(least - 1, 10)) == ("EntityTooSmall", 400)
    assert complete(least, 10)["ETag"].endswith('-2"')
    assert complete(7)["ETag"].endswith('-1"')


def test_attributes_of_an_object(aws: Aws, bucket: str):
    put = aws.s3.put_object(Bucket=bucket, Key="k", Body=b"abc", ChecksumAlgorithm="CRC32")
    asked = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = aws.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert (found["ETag"], found["ObjectSize"]) == (hashlib.md5(b"abc").hexdigest(), 3)
    assert found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumCRC32"] == "NSRBwg=="
    assert put["ETag"].strip('"') == found["ETag"]
    assert "ObjectParts" not in found
    only = aws.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert "ETag" not in only
    missing = lambda: aws.s3.get_object_attributes(Bucket=bucket, Key="none", ObjectAttributes=asked)  # noqa: E731
    assert refusal(missing) == ("NoSuchKey", 404)


def test_what_is_not_served_touches_no_object(aws: Aws, bucket: str):
    """A sub-resource that nobody implements was once taken for the object: its PUT replaced the content."""
    s3, place = aws.s3, {"Bucket": bucket, "Key": "k"}
    aws.put(bucket, "k", b"content")
    refused = [
        lambda: s3.put_object_retention(**place, Retention={"Mode": "GOVERNANCE"}),
        lambda: s3.get_object_retention(**place),
        lambda: s3.put_object_legal_hold(**place, LegalHold={"Status": "ON"}),
        lambda: s3.get_object_torrent(**place),
        lambda: s3.get_object(**place, PartNumber=1),
    ]
    assert {refusal(call) for call in refused} == {("NotImplemented", 501)}
    assert refusal(lambda: s3.get_object(**place, VersionId="v1")) == ("NoSuchVersion", 404)
    assert refusal(lambda: s3.delete_object(**place, VersionId="v1")) == ("NoSuchVersion", 404)
    source = {**place, "VersionId": "v1"}
    assert refusal(lambda: s3.copy_object(Bucket=bucket, Key="b", CopySource=source)) == ("NoSuchVersion", 404)
    assert s3.get_object(**place, VersionId="null")["Body"].read() == b"content"


def test_sizes_that_s3_does_not_take(aws: Aws, bucket: str):
    s3 = aws.s3
    longest = "é" * 512
    s3.put_object(Bucket=bucket, Key=longest, Body=b"1")
    assert s3.get_object(Bucket=bucket, Key=longest)["Body"].read() == b"1"
    assert refusal(lambda: s3.put_object(Bucket=bucket, Key=f"{longest}x", Body=b"1")) == (
        "KeyTooLongError",
        400,
    )
    metadata = {"note": "x" * 2045}
    assert (
        refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata=metadata))[0]
        == "MetadataTooLarge"
    )
    tags = "&".join(f"t{n}=1" for n in range(11))
    assert refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging=tags))[0] == "BadRequest"
    pairs = [{"Key": "k", "Value": "x" * 257}]
    tagging = lambda: s3.put_object_tagging(Bucket=bucket, Key=longest, Tagging={"TagSet": pairs})  # noqa: E731
    assert refusal(tagging)[0] == "InvalidTag"
    assert "k" not in [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]


def test_copy_keeps_or_replaces_metadata(aws: Aws, bucket: str):
    aws.s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata={"n": "1"})
    source = {"Bucket": bucket, "Key": "a"}
    aws.s3.copy_object(Bucket=bucket, Key="b", CopySource=source)
    aws.s3.copy_object(
        Bucket=bucket, Key="c", CopySource=source, Metadata={"n": "2"}, MetadataDirective="REPLACE"
    )
    found = [aws.s3.head_object(Bucket=bucket, Key=key)["Metadata"] for key in "bc"]
    assert found == [{"n": "1"}, {"n": "2"}]
    assert refusal(lambda: aws.s3.copy_object(Bucket=bucket, Key="a", CopySource=source))[0] == "InvalidRequest"


def test_signed_chunks_are_taken_apart(aws: Aws, bucket: str):
    """The framing of the AWS SDK that S3A uses, byte by byte."""
    url = f"{aws.settings.url}/{bucket}/k"
    headers = signed_headers(
        "PUT",
        url,
        headers={
            "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x-amz-decoded-content-length": "6",
            "Content-Encoding": "aws-chunked",
        },
    )
    frames = signed_frames(headers, [b"hello", b"!"])
    urllib.request.urlopen(urllib.request.Request(url, data=frames, method="PUT", headers=headers)).close()
    answer = aws.s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == b"hello!"
    assert "ContentEncoding" not in answer


def test_body_in_http_chunks(aws: Aws, bucket: str):
    headers = signed_headers("PUT", f"{aws.settings.url}/{bucket}/k", body=b"hello")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((aws.settings.host, aws.settings.port)) as connection:
        connection.sendall(
            f"PUT /{bucket}/k HTTP/1.1\r\nHost: {aws.settings.host}:{aws.settings.port}\r\n"
            f"Transfer-Encoding: chunked\r\n{lines}\r\n5\r\nhello\r\n0\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_an_object_opens_by_signed_link(aws: Aws, bucket: str):
    aws.s3.put_object(Bucket=bucket, Key="quality/report one.html", Body=b"<html>", ContentType="text/html")
    signer = aws.client("s3", signature_version="s3v4")
    link = signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "quality/report one.html"})
    with urllib.request.urlopen(link) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"<html>", "text/html")


def test_bucket_settings_are_kept_by_moto_across_a_restart(aws: Aws, bucket: str):
    blocked = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    aws.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    aws.restart()
    assert aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    assert aws.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "ap-south-1"
    aws.s3.delete_bucket(Bucket=bucket)
    assert refusal(lambda: aws.s3.get_public_access_block(Bucket=bucket))[0] == "NoSuchBucket"
