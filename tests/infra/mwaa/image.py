"""The Python of Amazon MWAA's image, and how the image installs requirements.txt in it.

Source: images/airflow/3.3.1 of AWS's public repository amazon-mwaa-docker-images; the file of each rule is named.
"""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

from terraform import REPO, environ

from tools.mwaa_requirements import CONSTRAINTS, ESSENTIAL, image_pins
from tools.package import WHEELS_ON_MWAA

# Packages of the image that have no wheel, so that they are here by name and version only.
# psycopg2: its module is the one of psycopg2-binary, which the image has too.
WITHOUT_WHEEL = {"psycopg2"}
# Packages that others of the image need and its bill of materials leaves out: pip and setuptools are no "packages"
# to the tool that writes it, wcwidth is needed by prompt-toolkit.
UNLISTED = {"pip", "setuptools", "wcwidth"}


def locked() -> dict[str, str]:
    """Versions that requirements/mwaa.txt pins for the image's Python and system."""
    found = {}
    for line in (REPO / "requirements" / "mwaa.txt").read_text().splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+)(?: ; (.*))? \\$", line)
        if match and "python_full_version" not in (match[3] or ""):
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def build(python312: str, uv: Path, venv: Path) -> Path:
    """A virtual environment with the packages of the image; returns its Python."""
    subprocess.run([python312, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    command = [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--python", str(python)]
    done = subprocess.run(
        [*command, str(REPO / "requirements" / "mwaa.txt")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (packages,) = (venv / "lib").glob("python3*/site-packages")
    pins = image_pins(REPO)
    for name in WITHOUT_WHEEL:
        folder = packages / f"{name}-{pins[name]}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {pins[name]}\n")
        (folder / "RECORD").write_text("")
    return python


def unpacked(dist: Path, folder: Path) -> Path:
    """requirements.txt of a package whose plugins.zip is unpacked in ``folder``/plugins."""
    with zipfile.ZipFile(dist / "mwaa" / "plugins.zip") as archive:
        archive.extractall(folder / "plugins")
    text = (dist / "mwaa" / "requirements.txt").read_text()
    assert WHEELS_ON_MWAA in text
    target = folder / "requirements.txt"
    target.write_text(text.replace(WHEELS_ON_MWAA, str(folder / "plugins" / "wheels")))
    return target


def install(python: Path, requirements: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What the image runs: ``safe-pip-install -r FILE [-c CONSTRAINTS]``.

    python/mwaa/utils/user_requirements.py adds the image's constraints unless a line, or a comment, names some;
    bin/airflow-user/safe-pip-install is ``pip3 install --constraint ESSENTIAL "$@"``. A failure of pip is logged
    there, and the component starts all the same. Further ``options`` of pip are a test's own.
    """
    own = any(re.search(r"-c |--constraint ", line) for line in requirements.read_text().splitlines())
    extra = [] if own else ["-c", str(REPO / CONSTRAINTS)]
    command = [str(python.parent / "pip3"), "install", "--constraint", str(REPO / ESSENTIAL)]
    # No setting of this machine, and no index: what requirements.txt names must be enough.
    clean = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}
    inherited = {name: value for name, value in environ(clean).items() if not name.startswith(("PIP_", "UV_"))}
    command += [*options, "-r", str(requirements), *extra]
    return subprocess.run(command, env={**inherited, **clean}, capture_output=True, text=True, check=False)
