"""Whether Amazon MWAA's image can install requirements.txt: asked when the package is built, not when Airflow starts.

The image gives its own constraints to pip when requirements.txt names none, and a failing pip stops nothing: the
environment becomes AVAILABLE without a single package, and each DAG fails on import. Source: AWS's public repository
amazon-mwaa-docker-images, images/airflow/3.3.1: python/mwaa/utils/user_requirements.py and
bin/airflow-user/safe-pip-install.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMAGE = Path("tests/infra/mwaa")
CONSTRAINTS = IMAGE / "airflow_constraints.txt"
ESSENTIAL = IMAGE / "mwaa_essential_constraints.txt"
INSTALLED = IMAGE / "installed.txt"

# Values for environment markers: Python and system of the image.
_PYTHON = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.13",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.12.13",
    "python_version": "3.12",
    "sys_platform": "linux",
}


class PackageError(RuntimeError):
    """The package cannot be built; the message says what to do."""


def pins(path: Path) -> dict[str, str]:
    """Version by canonical name of a file of ``name==version`` lines; comments and hashes are passed over.

    Raises:
        PackageError: there is no such file.
    """
    if not path.is_file():
        raise PackageError(f"there is no {path}; it comes from MWAA's image (docs/devops.md)")
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\#]+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def image_pins(repo: Path) -> dict[str, str]:
    """Packages in the image before requirements.txt is installed."""
    return pins(repo / INSTALLED)


def constraints(repo: Path) -> dict[str, str]:
    """Versions that pip may not leave when requirements.txt names no constraints."""
    return {**pins(repo / CONSTRAINTS), **pins(repo / ESSENTIAL)}


def check_pins(wanted: Mapping[str, str], repo: Path) -> None:
    """Refuse a version that the image's constraints exclude, and one that the image has already.

    Args:
        wanted: version by name, as requirements.txt has them.
        repo: the source tree.

    Raises:
        PackageError: with the package, both versions, and what to write instead.
    """
    allowed, installed = constraints(repo), image_pins(repo)
    for name, version in wanted.items():
        plain = canonicalize_name(name)
        bound = allowed.get(plain) or installed.get(plain)
        if bound is not None and bound != version:
            raise PackageError(
                f"requirements.txt pins {name}=={version}, but MWAA's image installs {bound} only ({CONSTRAINTS}): its "
                f"pip would install nothing and every DAG would fail on import; write {name}=={bound}"
            )
        if plain in installed:
            raise PackageError(
                f"requirements.txt pins {name}=={version}, which MWAA's image has already ({INSTALLED}); "
                "remove the line"
            )


def check_closure(wanted: Mapping[str, str], wheels: Mapping[str, bytes], repo: Path) -> None:
    """Refuse wheels that need what neither the image nor requirements.txt gives in a fitting version.

    Args:
        wanted: version by name, as requirements.txt has them.
        wheels: content by file name.
        repo: the source tree.

    Raises:
        PackageError: with the wheel, what it needs, and what to write.
    """
    given = image_pins(repo) | {canonicalize_name(name): version for name, version in wanted.items()}
    for wheel, data in sorted(wheels.items()):
        for need in needs(data):
            version = given.get(canonicalize_name(need.name))
            if version is None:
                bound = constraints(repo).get(canonicalize_name(need.name))
                line = f"{need.name}=={bound}" if bound else f"a pin of {need.name} that fits"
                raise PackageError(
                    f"{wheel} needs {need}, which neither MWAA's image nor requirements.txt has; add {line}"
                )
            if not need.specifier.contains(version, prereleases=True):
                raise PackageError(
                    f"{wheel} needs {need}, but MWAA's Airflow has {need.name} {version}; pin a version of "
                    f"{wheel.split('-')[0]} that goes with it"
                )


def needs(wheel: bytes) -> list[Requirement]:
    """Dependencies of a wheel on MWAA's Python and system, without extras."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        (metadata,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        text = archive.read(metadata).decode()
    listed = HeaderParser().parsestr(text).get_all("Requires-Dist") or []
    found = [Requirement(line) for line in listed]
    return [need for need in found if need.marker is None or need.marker.evaluate({**_PYTHON, "extra": ""})]
