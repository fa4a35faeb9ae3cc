"""Spark's S3 connector: pinned jars, downloaded once for all checkouts of a user."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from local import spark_setup
from local.config import LocalConfig

JARS = {"one.jar": b"first jar", "two.jar": b"second jar"}


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two small jars in place of the connector's, a cache of the test's own, and the downloads that were made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        spark_setup, "JARS", {name: hashlib.sha256(data).hexdigest() for name, data in JARS.items()}
    )
    made: list[Path] = []

    def download(folder: Path) -> Path:
        made.append(folder)
        path = folder / spark_setup.SDIST
        with tarfile.open(path, "w:gz") as archive:
            for name, data in JARS.items():
                member = tarfile.TarInfo(f"sagemaker/jars/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    monkeypatch.setattr(spark_setup, "download", download)
    return made


def checkout(tmp_path: Path, name: str) -> LocalConfig:
    return LocalConfig(home=tmp_path / name / "home", venvs=tmp_path / name / "venvs")


def jars(config: LocalConfig) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in config.spark_jars.glob("*.jar*")}


def test_a_second_checkout_takes_the_jars_of_the_first(tmp_path: Path, downloads: list[Path]) -> None:
    first, second = checkout(tmp_path, "first"), checkout(tmp_path, "second")

    assert spark_setup.setup(first)
    assert spark_setup.setup(second)

    assert len(downloads) == 1
    assert jars(first) == jars(second) == JARS
    assert spark_setup.ready(second)
    assert not spark_setup.setup(second), "there already"


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_cached_jar_that_is_not_the_pinned_one_is_downloaded_anew(
    tmp_path: Path, downloads: list[Path], damage: str
) -> None:
    spark_setup.setup(checkout(tmp_path, "first"))
    cached = spark_setup.cache_folder() / "two.jar"
    {
        "changed": lambda: cached.write_bytes(b"another jar"),
        "cut": lambda: cached.write_bytes(JARS["two.jar"][:-1]),
        "missing": cached.unlink,
    }[damage]()

    second = checkout(tmp_path, "second")
    spark_setup.setup(second)

    assert len(downloads) == 2
    assert jars(second) == JARS
    assert cached.read_bytes() == JARS["two.jar"], "the cache is whole again"


def test_a_cache_that_cannot_be_written_is_no_failure(
    tmp_path: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    config = checkout(tmp_path, "first")

    assert spark_setup.setup(config)
    assert jars(config) == JARS
    assert len(downloads) == 1
