"""The object store against a dictionary, and what it does with files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aws_local.store import ObjectStore
from aws_local.stored import StoreError, after_prefix

KEYS = st.text("ab/=-é\ud7ff\U0001f600", min_size=1, max_size=6)
BODIES = st.binary(max_size=50)


def listing(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """What S3 documents: keys in UTF-8 order, folded at the delimiter."""
    out: list[str] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key if cut < 0 else key[: cut + len(delimiter)]
        if not out or out[-1] != name:
            out.append(name)
    return out


class StoreModel(RuleBasedStateMachine):
    """Random puts, overwrites, copies, deletes, uploads and restarts; a dictionary says what must be there."""

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.model: dict[str, bytes] = {}
        self.store = ObjectStore(Path(self.folder.name), "ap-south-1")
        self.store.create_bucket("bucket")

    @rule(key=KEYS, body=BODIES)
    def put(self, key: str, body: bytes):
        self.store.put(
            "bucket", key, self.store.receive([body[:7], body[7:]]), {"x-amz-meta-n": str(len(body))}
        )
        self.model[key] = body

    @rule(key=KEYS)
    def delete(self, key: str):
        self.store.delete("bucket", [key])
        self.model.pop(key, None)

    @rule(keys=st.lists(KEYS, max_size=4))
    def delete_many(self, keys: list[str]):
        self.store.delete("bucket", keys)
        for key in keys:
            self.model.pop(key, None)

    @rule(data=st.data(), name=KEYS)
    def copy(self, data: st.DataObject, name: str):
        if self.model:
            source = data.draw(st.sampled_from(sorted(self.model)))
            stored = self.store.get("bucket", source)
            self.store.copy(stored, "bucket", name, stored.headers, stored.tags)
            self.model[name] = self.model[source]

    @rule(key=KEYS, parts=st.lists(BODIES, min_size=1, max_size=3), restart=st.booleans())
    def upload(self, key: str, parts: list[bytes], restart: bool):
        upload = self.store.start_upload("bucket", key, {}, {})
        etags = []
        for number, part in enumerate(parts, 1):
            blob = self.store.receive([part])
            self.store.put_part(upload, number, blob)
            etags.append((number, blob.etag))
        if restart:
            self.restart()
        self.store.complete_upload(upload, etags)
        self.model[key] = b"".join(parts)

    @rule()
    def restart(self):
        self.store.close()
        self.store = ObjectStore(Path(self.folder.name), "ap-south-1")
        self.store.sweep()

    @rule(
        prefix=st.text("ab/é", max_size=2),
        delimiter=st.sampled_from(["", "/", "a"]),
        limit=st.integers(1, 3),
    )
    def list(self, prefix: str, delimiter: str, limit: int):
        found: list[str] = []
        after = ""
        while True:
            page = self.store.list_page("bucket", prefix, delimiter, after, limit)
            names = [stored.key for stored in page.objects] + page.prefixes
            assert len(names) <= limit
            found += sorted(names, key=str.encode)
            if page.next_marker is None:
                break
            after = page.next_marker
        assert found == listing(list(self.model), prefix, delimiter)

    @invariant()
    def same_content(self):
        if hasattr(self, "store"):
            found = {
                stored.key: self.store.read("bucket", stored.key) for stored in self.store.scan("bucket", "")
            }
            assert found == self.model

    @invariant()
    def no_file_is_left_over(self):
        if hasattr(self, "store"):
            files = [path for path in Path(self.folder.name, "blobs").rglob("*") if path.is_file()]
            assert len(files) == len(self.model)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


StoreModel.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestStoreModel = StoreModel.TestCase


@given(prefix=st.text(min_size=1, max_size=4), rest=st.text(max_size=4))
def test_after_prefix_is_behind_everything_with_the_prefix(prefix: str, rest: str):
    behind = after_prefix(prefix)
    if behind is not None:
        assert (prefix + rest).encode() < behind.encode()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    opened = ObjectStore(tmp_path, "ap-south-1")
    opened.create_bucket("bucket")
    return opened


def test_bytes_that_no_object_names_are_swept_at_the_next_start(tmp_path: Path, store: ObjectStore):
    store.put("bucket", "kept", store.receive([b"kept"]), {})
    store.receive([b"the server was killed before it could name these"])
    store.close()
    again = ObjectStore(tmp_path, "ap-south-1")
    assert again.sweep() == 1
    assert again.read("bucket", "kept") == b"kept"


def test_a_broken_upload_leaves_nothing(tmp_path: Path, store: ObjectStore):
    def broken():
        yield b"first"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.receive(broken())
    assert not list(tmp_path.rglob("blobs/*/*"))


def test_an_overwrite_during_a_read_serves_the_old_bytes_to_the_end(store: ObjectStore):
    store.put("bucket", "key", store.receive([b"old"]), {})
    with store.open(store.get("bucket", "key")) as file:
        store.put("bucket", "key", store.receive([b"new"]), {})
        assert file.read() == b"old"
    assert store.read("bucket", "key") == b"new"


def test_a_bucket_with_objects_is_not_deleted(store: ObjectStore):
    store.put("bucket", "key", store.receive([b""]), {})
    with pytest.raises(StoreError, match="not empty"):
        store.delete_bucket("bucket")
    store.delete("bucket", ["key"])
    store.delete_bucket("bucket")
    with pytest.raises(StoreError, match="does not exist"):
        store.list_page("bucket")


def test_listing_a_folder_costs_its_page_and_not_the_bucket(store: ObjectStore):
    for day in range(30):
        for part in range(40):
            store.put("bucket", f"orders/dt={day:02d}/{part:02d}.csv", store.receive([b""]), {})
    statements: list[str] = []
    store._reader.set_trace_callback(statements.append)
    page = store.list_page("bucket", "orders/", "/")
    assert len(page.prefixes) == 30
    assert len(statements) <= 33  # one look per folder, however many files it holds
