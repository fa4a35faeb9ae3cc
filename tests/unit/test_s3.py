"""Reading small objects from S3: absent, too large or whole, and nothing else is taken for absent."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ecommerce_dwh.lake.s3 import TooLarge, read_object, written_at


class Client:
    """A client whose answer is given."""

    def __init__(self, body: bytes = b"", *, length: int | None = None, code: str = "") -> None:
        self.body, self.length, self.code = body, length, code

    def get_object(self, **_):
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "m"}}, "GetObject")
        return {
            "Body": io.BytesIO(self.body),
            **({} if self.length is None else {"ContentLength": self.length}),
        }

    head_object = get_object


@pytest.mark.parametrize("code", ["NoSuchKey", "404", "NotFound"])
def test_an_absent_object_is_none(code):
    assert read_object(Client(code=code), "b", "k", 10) is None
    assert written_at(Client(code=code), "b", "k") is None


@pytest.mark.parametrize(
    "code", ["NoSuchBucket", "AccessDenied", "403", "SlowDown", "InternalError", "NoSuchUpload"]
)
def test_no_other_refusal_is_taken_for_an_absent_object(code):
    with pytest.raises(ClientError, match=code):
        read_object(Client(code=code), "b", "k", 10)
    with pytest.raises(ClientError, match=code):
        written_at(Client(code=code), "b", "k")


@given(st.binary(max_size=200), st.integers(0, 200))
def test_the_limit_holds_for_what_arrives(body, limit):
    if len(body) <= limit:
        assert read_object(Client(body), "b", "k", limit) == body
    else:
        with pytest.raises(TooLarge):
            read_object(Client(body), "b", "k", limit)


def test_an_announced_length_over_the_limit_is_refused_before_reading():
    with pytest.raises(TooLarge, match="11 bytes"):
        read_object(Client(b"", length=11), "b", "k", 10)
