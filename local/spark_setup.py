"""Bring Spark's S3A connector to this machine: ``python -m local.spark_setup``.

pyspark comes without hadoop-aws, and Maven Central is not reachable from everywhere. PyPI is: the source
distribution of ``sagemaker_pyspark`` carries hadoop-aws and the AWS SDK bundle it needs. The file is checked
against a pinned SHA-256, two jars are taken out of it, and it is deleted again. The jars are also kept in the user's
cache folder (``~/.cache/ecommerce-dwh``, or below ``XDG_CACHE_HOME``), so that the next checkout on this machine
downloads nothing; a jar is taken from there only with the pinned SHA-256. Then a class-data archive is made, which
halves the time Spark takes to start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from local.config import LocalConfig, load_config

PACKAGE = "sagemaker_pyspark==1.4.5"
SDIST = "sagemaker_pyspark-1.4.5.tar.gz"
SDIST_SHA256 = "05ca2d5081d7138ce29a8fb0a9cba077f28c825288ed07aed46a82e63c0bf1fb"
JARS = {
    "hadoop-aws-3.3.1.jar": "6be50ad8a8b445d2802381b085b2a3ede5c29d353450a6a21f16b2fefa962b6e",
    "aws-java-sdk-bundle-1.11.901.jar": "b87175b32a16544cc1b37cf40390eb375833e62bed67f8ce6cde4b7ad6429ead",
}


class SetupError(RuntimeError):
    """The connector could not be set up; the message says why and what to do."""


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip() -> list[str]:
    """A pip that runs without being installed: the one Python ships for new environments."""
    import ensurepip  # late import: absent from some distributions' Python

    wheels = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    return [sys.executable, str(wheels[-1] / "pip")] if wheels else [sys.executable, "-m", "pip"]


def download(folder: Path) -> Path:
    """Download the source distribution, verified.

    pip checks the hash before it looks into the file, and takes mirrors, proxies and certificates from the
    user's own configuration.

    Raises:
        SetupError: pip failed, or the file is not the pinned one.
    """
    try:
        pip = _pip()
    except ImportError:
        pip = [sys.executable, "-m", "pip"]
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{PACKAGE} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
    command = [
        *pip,
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        "sagemaker_pyspark",
        "--require-hashes",
        "-r",
        str(requirement),
        "-d",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    path = folder / SDIST
    if done.returncode != 0 or not path.is_file():
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise SetupError(
            f"could not download {PACKAGE} (pip exit code {done.returncode}):\n{tail}\n"
            "Check the network or pip's index settings, then run this again; or put hadoop-aws and its AWS SDK "
            "bundle into the jar folder by hand."
        )
    if (found := sha256(path)) != SDIST_SHA256:
        raise SetupError(f"{SDIST} has SHA-256 {found}, expected {SDIST_SHA256}; the download is not trusted")
    return path


def unpack(sdist: Path, folder: Path) -> None:
    """Take the jars out of the source distribution.

    Raises:
        SetupError: a jar is missing or is not the pinned one.
    """
    wanted = set(JARS)
    with tarfile.open(sdist) as archive:
        for member in archive:
            name = Path(member.name).name
            if name not in wanted or not member.isfile():
                continue
            source = archive.extractfile(member)
            partial = folder / f"{name}.part"
            with source, partial.open("wb") as target:  # type: ignore[union-attr]
                shutil.copyfileobj(source, target, 1 << 20)  # type: ignore[arg-type]
            if (found := sha256(partial)) != JARS[name]:
                partial.unlink()
                raise SetupError(f"{name} in {sdist.name} has SHA-256 {found}, expected {JARS[name]}")
            partial.rename(folder / name)
            wanted.discard(name)
            if not wanted:
                return
    raise SetupError(f"{sdist.name} does not hold {', '.join(sorted(wanted))}")


def cache_folder() -> Path:
    """Where this user's checkouts share the jars."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ecommerce-dwh" / "spark-jars"


def from_cache(folder: Path) -> bool:
    """Copy the jars out of the user's cache; False, and no jar, unless the cache has every one as it is pinned."""
    partials = {name: folder / f"{name}.part" for name in JARS}
    try:
        for name, partial in partials.items():
            shutil.copyfile(cache_folder() / name, partial)
        if any(sha256(partial) != JARS[name] for name, partial in partials.items()):
            return False
        for name, partial in partials.items():
            partial.rename(folder / name)
    except OSError:  # no cache, or one that cannot be read: the jars are downloaded
        return False
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return True


def to_cache(folder: Path) -> None:
    """Keep copies of the jars in the user's cache; a cache that cannot be written is left as it is."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for name in JARS:
            partial = cache / f"{name}.{os.getpid()}.part"
            shutil.copyfile(folder / name, partial)
            partial.replace(cache / name)
    except OSError:
        return


def ready(config: LocalConfig) -> bool:
    """Whether the pinned jars are in place."""
    marker = config.spark_jars / ".complete"
    return (
        marker.is_file()
        and marker.read_text(encoding="utf-8") == _marker()
        and all((config.spark_jars / name).is_file() for name in JARS)
    )


def complete(config: LocalConfig) -> bool:
    """Whether the jars and a class-data archive are in place; Java ignores an archive that does not fit."""
    from aws_local.spark import archive_path  # late import: the download does not need it
    from local import aws

    return ready(config) and archive_path(aws.spark_runtime(config)).is_file()


def _marker() -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(JARS.items()))


def setup(config: LocalConfig, sdist: Path | None = None) -> bool:
    """Put the jars into ``config.spark_jars``; False when they were there already.

    Args:
        config: the stack's configuration.
        sdist: a copy of the source distribution at hand; downloaded when not given.

    Raises:
        SetupError: the jars could not be had.
    """
    if ready(config):
        return False
    config.spark_jars.mkdir(parents=True, exist_ok=True)
    for stale in config.spark_jars.glob("*.jsa"):
        stale.unlink()
    if sdist is not None:
        unpack(sdist, config.spark_jars)
    elif not from_cache(config.spark_jars):
        with tempfile.TemporaryDirectory(dir=config.spark_jars) as folder:
            unpack(download(Path(folder)), config.spark_jars)
        to_cache(config.spark_jars)
    (config.spark_jars / ".complete").write_text(_marker(), encoding="utf-8")
    return True


def main() -> int:
    """Set up and report; the exit code is 1 when it failed."""
    from aws_local.class_archive import ArchiveError, is_current, make_archive
    from aws_local.spark import SparkMissingError, archive_path, java_home
    from local import aws

    config = load_config()
    runtime = aws.spark_runtime(config)
    began = time.monotonic()
    try:
        fresh = setup(config)
        java = java_home(runtime)
    except (SetupError, SparkMissingError) as error:
        print(f"spark setup failed: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in config.spark_jars.iterdir() if path.is_file()) / 1e6
    how = f"fetched in {time.monotonic() - began:.0f} s" if fresh else "already in place"
    print(f"S3A jars: {config.spark_jars} ({size:.0f} MB, {how})")
    print(f"JAVA_HOME: {java}")
    if is_current(runtime):
        print(f"class archive: {archive_path(runtime)} (already in place)")
        return 0
    began = time.monotonic()
    try:
        make_archive(aws.settings(config))
    except ArchiveError as error:
        print(f"class archive: not made, Spark starts slower without it: {error}", file=sys.stderr)
    else:
        size = archive_path(runtime).stat().st_size / 1e6
        print(
            f"class archive: {archive_path(runtime)} ({size:.0f} MB, made in {time.monotonic() - began:.0f} s)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
