"""Builds what Glue gets from this repository: the job scripts and the library they import.

The zip is reproducible: the same sources give the same bytes, so that a deployment can tell by the hash whether
anything changed.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from local.config import REPO

LIBRARY = "ecommerce_dwh_glue.zip"
# The modules of the plugin package that jobs share with the DAGs; none of them needs Airflow or YAML.
_SHARED = ("__init__.py", "contracts.py", "lake_layout.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def library_files(repo: Path = REPO) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the library's files, sorted by name."""
    library = repo / "include" / "glue" / "ecommerce_dwh_glue"
    shared = repo / "plugins" / "ecommerce_dwh"
    files = {
        f"ecommerce_dwh_glue/{path.relative_to(library).as_posix()}": path.read_bytes()
        for path in library.rglob("*.py")
    }
    files |= {f"ecommerce_dwh/{name}": (shared / name).read_bytes() for name in _SHARED}
    files["ecommerce_dwh_glue/contracts.json"] = contracts_text(repo).encode()
    yield from sorted(files.items())


def contracts_text(repo: Path = REPO) -> str:
    """The source contracts as JSON, which Spark jobs read without a YAML parser."""
    plugins = str(repo / "plugins")
    if plugins not in sys.path:
        sys.path.insert(0, plugins)
    from ecommerce_dwh.contracts import contracts_json, load_contracts  # noqa: PLC0415

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
