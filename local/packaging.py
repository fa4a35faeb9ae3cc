"""Builds what Glue gets from this repository: the job scripts and the library they import.

The zip is reproducible: the same sources give the same bytes, so that a deployment sees by the hash whether
anything changed.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from local.config import REPO

LIBRARY = "ecommerce_dwh_glue.zip"
# The modules of the plugin package that jobs share with the DAGs, as patterns; none of them needs Airflow or YAML.
_SHARED = (
    "__init__.py",
    "contracts/*.py",
    "rules/*.py",
    "privacy/*.py",
    "lake/__init__.py",
    "lake/layout.py",
    "ledger.py",
    "limits.py",
    "erasure/__init__.py",
    "erasure/person.py",
)
# Libraries that these modules import and that Glue's Python lacks. All are pure Python, which Glue takes from
# --extra-py-files (AWS Glue, "Using Python libraries with AWS Glue"), so that a job in a VPC without internet needs no
# package index. email-validator asks dnspython only when it looks up mail servers, which nothing here does.
LIBRARIES = {"phonenumberslite": "phonenumbers", "email-validator": "email_validator", "idna": "idna"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def library_files(repo: Path = REPO) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the library's files, sorted by name."""
    library = repo / "include" / "glue" / "ecommerce_dwh_glue"
    shared = repo / "plugins" / "ecommerce_dwh"
    files = {
        f"ecommerce_dwh_glue/{path.relative_to(library).as_posix()}": path.read_bytes()
        for path in library.rglob("*.py")
    }
    for pattern in _SHARED:
        files |= {
            f"ecommerce_dwh/{path.relative_to(shared).as_posix()}": path.read_bytes()
            for path in shared.glob(pattern)
        }
    files["ecommerce_dwh_glue/contracts.json"] = contracts_text(repo).encode()
    for distribution, package in LIBRARIES.items():
        files |= third_party_files(distribution, package, _pinned(distribution, repo))
    yield from sorted(files.items())


def _pinned(distribution: str, repo: Path) -> str:
    """The version that requirements/spark.txt pins: Glue gets what the tests of the jobs ran with."""
    text = (repo / "requirements" / "spark.txt").read_text()
    found = re.search(rf"^{re.escape(distribution)}==(\S+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"requirements/spark.txt does not pin {distribution}, which the Glue library packs")
    return found[1]


def third_party_files(distribution: str, package: str, version: str) -> dict[str, bytes]:
    """The modules of an installed distribution, with its licence, by their names in the zip.

    Args:
        distribution: name on the package index.
        package: the package that it brings.
        version: the version that it must have.

    Raises:
        RuntimeError: it is not installed, has another version, or a file of it is no pure Python.
    """
    advice = "run make setup"
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise RuntimeError(
            f"{distribution} {version} is not installed beside {sys.executable}; {advice}"
        ) from None
    if found.version != version:
        raise RuntimeError(
            f"{distribution} is {found.version}, requirements/spark.txt pins {version}; {advice}"
        )
    files: dict[str, bytes] = {}
    for path in found.files or ():
        name = path.as_posix()
        is_licence = ".dist-info/" in name and re.search(r"licen[cs]e|notice|copying", name, re.IGNORECASE)
        if name.startswith(f"{package}/") and path.suffix in (".so", ".pyd", ".dylib"):
            raise RuntimeError(f"{name} of {distribution} is compiled; Glue takes pure Python from a zip only")
        if (name.startswith(f"{package}/") and path.suffix == ".py") or is_licence:
            files[name] = Path(str(path.locate())).read_bytes()
    return files


def contracts_text(repo: Path = REPO) -> str:
    """The source contracts as JSON, which Spark jobs read without a YAML parser."""
    plugins = str(repo / "plugins")
    if plugins not in sys.path:
        sys.path.insert(0, plugins)
    from ecommerce_dwh.contracts import contracts_json, load_contracts

    return contracts_json(load_contracts(repo / "include" / "sources"))


def build_library(repo: Path = REPO) -> bytes:
    """The library zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in library_files(repo):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same on every system
            archive.writestr(info, content, compresslevel=9)
    return buffer.getvalue()


def job_scripts(repo: Path = REPO) -> dict[str, bytes]:
    """The job scripts by file name."""
    return {path.name: path.read_bytes() for path in sorted((repo / "include" / "glue").glob("*.py"))}
