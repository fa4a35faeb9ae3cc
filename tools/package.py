"""Build what Amazon MWAA and AWS Glue get: ``python tools/package.py``.

```
dist/
  mwaa/dags/            DAG files, .airflowignore, include/sql, include/sources and the lineage
  mwaa/plugins.zip      the plugin package, the wheels that requirements.txt names, RELEASE
  mwaa/requirements.txt installs from those wheels: a start of Airflow needs no package index
  mwaa/startup.sh
  glue/                 job scripts and their library zip
  manifest.json         sha256 and size of every file, and the release: the hash over all of them
```

Reproducible: the same sources give the same bytes, so that a deployment uploads what changed and nothing else.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from local.packaging import LIBRARY, build_library, job_scripts  # noqa: E402 - needs the repository on the path
from tools.mwaa_requirements import PackageError, check_closure, check_pins  # noqa: E402

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = {"__pycache__", ".DS_Store"}
WHEELS_ON_MWAA = "/usr/local/airflow/plugins/wheels"
# Wheels are those of MWAA's Python and system, whatever builds the package.
_MWAA_TARGET = (
    "--python-version",
    "3.12",
    "--implementation",
    "cp",
    "--abi",
    "cp312",
    "--abi",
    "abi3",
    "--abi",
    "none",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux2014_x86_64",
)
# Patterns for Airflow's DAG processor: SQL and contracts lie beside the DAGs, because MWAA syncs only that folder.
AIRFLOWIGNORE = "include/**\n"

# MWAA takes up to 1 GB and ten minutes to install. The package is far below; growing past these limits is an
# accident, such as data in the tree.
LIMITS = {
    "mwaa/plugins.zip": 50_000_000,
    "mwaa/requirements.txt": 100_000,
    "mwaa/startup.sh": 100_000,
    "mwaa/dags": 10_000_000,
    "glue": 5_000_000,
}


def build(target: Path, repo: Path = REPO, wheels: Mapping[str, bytes] | None = None) -> dict[str, object]:
    """Build the package into ``target``, which is emptied first; returns the manifest.

    Args:
        target: folder to write.
        repo: the source tree.
        wheels: wheels by file name; fetched (and checked against the pinned hashes) when not given.

    Raises:
        PackageError: a file is missing, too large or no Python, a wheel cannot be had, or MWAA's image could not
            install requirements.txt.
    """
    check_pins(_pins(repo), repo)
    files = contents(repo, fetch_wheels(repo) if wheels is None else wheels)
    check_limits(files)
    check_syntax(repo)
    if target.exists():
        shutil.rmtree(target)
    for name, data in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (target / "mwaa/startup.sh").chmod(0o755)
    document = manifest(files)
    (target / "manifest.json").write_text(json.dumps(document, indent=1) + "\n")
    return document


def contents(repo: Path, wheels: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of the package by its path below ``dist``."""
    check_closure(_pins(repo), wheels, repo)
    dags = {f"mwaa/dags/{path.name}": path.read_bytes() for path in sorted((repo / "dags").glob("*.py"))}
    if not dags:
        raise PackageError(f"there is no DAG file in {repo / 'dags'}")
    include = {
        f"mwaa/dags/include/{name}": data
        for folder in ("sql", "sources")
        for name, data in _tree(repo / "include" / folder, folder)
    }
    lineage = "include/generated/lineage.json"  # input of the OpenLineage events
    include[f"mwaa/dags/{lineage}"] = (repo / lineage).read_bytes()
    glue = {f"glue/{name}": data for name, data in {**job_scripts(repo), LIBRARY: build_library(repo)}.items()}
    plugins = dict(_tree(repo / "plugins", ""))
    plugins |= {f"wheels/{name}": data for name, data in wheels.items()}
    files = {
        **dags,
        "mwaa/dags/.airflowignore": AIRFLOWIGNORE.encode(),
        **include,
        **glue,
        "mwaa/requirements.txt": requirements(repo, wheels).encode(),
        "mwaa/startup.sh": (repo / "startup.sh").read_bytes(),
    }
    plugins["RELEASE"] = f"{release({**files, **plugins})}\n".encode()
    files["mwaa/plugins.zip"] = zipped(plugins)
    return dict(sorted(files.items()))


def requirements(repo: Path, wheels: Mapping[str, bytes]) -> str:
    """requirements.txt as MWAA gets it: the repository's pins, installed from the wheels in plugins.zip."""
    pins = _pins(repo)
    for name, version in pins.items():
        stem = f"{name.replace('-', '_')}-{version}-"
        if not any(wheel.lower().startswith(stem.lower()) for wheel in wheels):
            raise PackageError(f"requirements.txt pins {name}=={version}, but no wheel of it is packed")
    lines = [f"--find-links {WHEELS_ON_MWAA}", "--no-index", *(f"{n}=={v}" for n, v in pins.items())]
    return "\n".join(lines) + "\n"


def _pins(repo: Path) -> dict[str, str]:
    pins: dict[str, str] = {}
    for line in (repo / "requirements.txt").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", text)
        if match is None:
            raise PackageError(f"requirements.txt: {text!r} is not an exact pin; write name==version")
        pins[match[1]] = match[2]
    return pins


def fetch_wheels(repo: Path = REPO) -> dict[str, bytes]:
    """The wheels that requirements.txt names, from the package index or the cache, checked against pinned hashes."""
    pins = _pins(repo)
    hashes = _pinned_hashes(repo, pins)
    wanted = "".join(
        f"{name}=={version} {' '.join(f'--hash=sha256:{value}' for value in hashes[name])}\n"
        for name, version in pins.items()
    )
    key = hashlib.sha256("\n".join([wanted, *_MWAA_TARGET]).encode()).hexdigest()[:16]
    cache = repo / ".venv" / "wheels" / key
    if not cache.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
            listed = Path(folder) / "wanted.txt"
            listed.write_text(wanted)
            got = Path(folder) / "wheels"
            command = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "download",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--only-binary",
                ":all:",
                *_MWAA_TARGET,
                "--dest",
                str(got),
                "-r",
                str(listed),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise PackageError(f"the wheels of requirements.txt cannot be had:\n{done.stderr.strip()}")
            got.rename(cache)
    return {path.name: path.read_bytes() for path in sorted(cache.glob("*.whl"))}


def _pinned_hashes(repo: Path, pins: Mapping[str, str]) -> dict[str, list[str]]:
    """Hashes of the same pins in requirements/airflow.txt: MWAA gets what the tests ran with."""
    text = (repo / "requirements" / "airflow.txt").read_text()
    found = {}
    for name, version in pins.items():
        block = re.search(
            rf"^{re.escape(name)}=={re.escape(version)}(?:\s.*)?\\\n((?:\s+--hash=.*\n)+)", text, re.MULTILINE
        )
        if block is None:
            raise PackageError(
                f"requirements.txt pins {name}=={version}, requirements/airflow.txt does not; "
                "MWAA must get what the tests ran with: use the same version in both"
            )
        found[name] = re.findall(r"sha256:([0-9a-f]{64})", block[1])
    return found


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip whose bytes depend on names and contents only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            # A wheel is compressed already.
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(info, data, compresslevel=9)
    return buffer.getvalue()


def release(files: Mapping[str, bytes]) -> str:
    """Short name of a set of files."""
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def manifest(files: Mapping[str, bytes]) -> dict[str, object]:
    """Files of the package."""
    return {
        "release": release(files),
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in files.items()
        },
    }


def check_syntax(repo: Path) -> None:
    """Refuse a file that Python cannot read: Airflow would only find out after the deployment.

    Raises:
        PackageError: with file, line and reason.
    """
    for folder in ("dags", "plugins", "include/glue"):
        for path in sorted((repo / folder).rglob("*.py")):
            try:
                ast.parse(path.read_bytes(), filename=str(path))
            except (SyntaxError, ValueError) as error:
                line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
                raise PackageError(
                    f"{path.relative_to(repo)}{line} is not Python: {getattr(error, 'msg', error)}; correct it and "
                    "commit before you deploy"
                ) from None


def check_limits(files: Mapping[str, bytes]) -> None:
    """Refuse a package that is larger than it should ever be.

    Raises:
        PackageError: with the part and its limit.
    """
    for part, limit in LIMITS.items():
        size = sum(len(data) for name, data in files.items() if name == part or name.startswith(f"{part}/"))
        if size > limit:
            largest = max((name for name in files if name.startswith(part)), key=lambda name: len(files[name]))
            raise PackageError(f"{part} has {size:,} bytes, more than {limit:,}; the largest file is {largest}")


def _tree(root: Path, prefix: str) -> Iterable[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not _SKIPPED & set(relative.parts) and path.suffix != ".pyc":
            yield (f"{prefix}/{relative.as_posix()}" if prefix else relative.as_posix()), path.read_bytes()


def main(argv: list[str] | None = None) -> int:
    """Build, and say what was built; the exit code is 1 when it could not be."""
    parser = argparse.ArgumentParser(description="Build the MWAA and Glue package.")
    parser.add_argument("--output", type=Path, default=REPO / "dist", help="folder to write (default: dist)")
    options = parser.parse_args(argv)
    try:
        document = build(options.output)
    except PackageError as error:
        print(f"The package was not built: {error}", file=sys.stderr)
        return 1
    files: Mapping[str, Mapping[str, int]] = document["files"]  # type: ignore[assignment]
    print(f"Release {document['release']}: {len(files)} files in {options.output}")
    for part in LIMITS:
        size = sum(
            entry["bytes"] for name, entry in files.items() if name == part or name.startswith(f"{part}/")
        )
        print(f"  {part:<22} {size:>10,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
