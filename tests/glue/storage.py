"""An object store in a folder, so that job tests need no server: buckets are folders, keys are paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ecommerce_dwh_glue.storage import Level, StoredObject


@dataclass
class FolderStorage:
    """`ecommerce_dwh_glue.storage.Storage` on a folder."""

    root: Path

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        base = self.root / bucket
        start = base / prefix.rpartition("/")[0]
        keys = sorted(path.relative_to(base).as_posix() for path in start.rglob("*") if path.is_file())
        for key in keys:
            # Hadoop's local file system leaves checksums beside its files.
            if key.startswith(prefix) and key > start_after and not key.endswith(".crc"):
                yield StoredObject(key, (base / key).stat().st_size)

    def level(self, bucket: str, prefix: str) -> Level:
        folder = self.root / bucket / prefix
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return Level(
            tuple(path.name for path in found if path.is_dir()),
            tuple(
                StoredObject(f"{prefix}{path.name}", path.stat().st_size) for path in found if path.is_file()
            ),
        )

    def read(self, bucket: str, key: str, start: int = 0, length: int | None = None) -> bytes:
        content = (self.root / bucket / key).read_bytes()
        return content[start:] if start < 0 or length is None else content[start : start + length]

    def open(self, bucket: str, key: str, version: str = "") -> BinaryIO:
        assert not version, "a folder keeps no versions"
        return (self.root / bucket / key).open("rb")

    def write(self, bucket: str, key: str, content: bytes, content_type: str) -> None:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def upload(self, bucket: str, key: str, path: str) -> None:
        self.write(bucket, key, Path(path).read_bytes(), "")

    def delete(self, bucket: str, key: str) -> None:
        (self.root / bucket / key).unlink()

    def old_versions(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        return iter(())

    def delete_version(self, bucket: str, key: str, version: str) -> None:
        raise AssertionError("a folder keeps no versions")

    def delete_old_versions(self, bucket: str, key: str) -> None:
        pass

    def forget(self, bucket: str, key: str) -> None:
        (self.root / bucket / key).unlink(missing_ok=True)

    def url(self, bucket: str, key: str) -> str:
        return f"{self.root / bucket}/{key}"
