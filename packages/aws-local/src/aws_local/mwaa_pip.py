"""pip of Amazon MWAA's image: its command line, its constraints, and the packages that it finds installed.

Source: AWS's public repository amazon-mwaa-docker-images, images/airflow/3.3.1: python/mwaa/utils/user_requirements.py
and bin/airflow-user/safe-pip-install. Here pip resolves and installs nothing (``--dry-run``): the image's packages are
there by name and version, which is what pip resolves by. Environment markers are those of the Python that runs here.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

_PLUGINS = "/usr/local/airflow/plugins"
_GUIDE = (
    "https://docs.aws.amazon.com/mwaa/latest/userguide/working-dags-dependencies.html"
    "#working-dags-dependencies-test-create"
)
_FAILED = (
    "ERROR: pip installation exited with a non-zero error code. This could be the result of package conflict. Notice "
    "that MWAA enforces a list of critical packages whose version cannot be overridden. Please double check your "
    "requirements.txt file."
)
# The image's Python and system, whatever runs the endpoint.
_TARGET = (
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
    "--only-binary",
    ":all:",
)


class ImagePip:
    """Resolves a requirements.txt as the image does.

    Args:
        image: folder with airflow_constraints.txt, mwaa_essential_constraints.txt and installed.txt of the image.
        home: folder for pip's own environment, made when it is first needed.
    """

    def __init__(self, image: Path, home: Path) -> None:
        self._image = image
        self._home = home
        self._lock = threading.Lock()

    def install(self, requirements: bytes, plugins: bytes | None) -> list[str]:
        """Lines of the requirements log, the last ones with ``[ERROR]`` when pip failed.

        Args:
            requirements: content of requirements.txt.
            plugins: content of plugins.zip, which may hold wheels.
        """
        text = requirements.decode()
        lines = []
        extra: list[str] = []
        # A line that only mentions constraints in a comment counts, as in the image.
        if not any(re.search(r"-c |--constraint ", line) for line in text.splitlines()):
            lines += [
                f"[WARNING] - WARNING: Constraints should be specified for requirements.txt. Please see {_GUIDE}",
                "[WARNING] - Forcing local constraints",
            ]
            extra = ["-c", str(self._image / "airflow_constraints.txt")]
        with tempfile.TemporaryDirectory() as folder:
            if plugins is not None:
                with zipfile.ZipFile(io.BytesIO(plugins)) as archive:
                    archive.extractall(folder)
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(text.replace(_PLUGINS, folder))
            command = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(self._python()),
                "--disable-pip-version-check",
            ]
            command += [
                "install",
                "--dry-run",
                "--constraint",
                str(self._image / "mwaa_essential_constraints.txt"),
                *_TARGET,
            ]
            kept = {
                name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))
            }
            done = subprocess.run(
                [*command, "-r", str(wanted), *extra],
                env={**kept, "PIP_CONFIG_FILE": os.devnull},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=540,
            )
        lines += [f"[INFO] - {line}" for line in done.stdout.splitlines()]
        return [*lines, f"[ERROR] - {_FAILED}"] if done.returncode else lines

    def _python(self) -> Path:
        """Python of an environment in which the image's packages are installed by name and version."""
        python = self._home / "bin" / "python"
        with self._lock:
            if not (self._home / "ready").exists():
                subprocess.run(
                    [sys.executable, "-m", "venv", "--clear", "--without-pip", str(self._home)], check=True
                )
                (packages,) = (self._home / "lib").glob("python3*/site-packages")
                for line in (self._image / "installed.txt").read_text().splitlines():
                    name, _, version = line.partition("#")[0].strip().partition("==")
                    if name:
                        folder = packages / f"{name.replace('-', '_')}-{version}.dist-info"
                        folder.mkdir(exist_ok=True)
                        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                        (folder / "METADATA").write_text(metadata)
                        (folder / "RECORD").touch()
                (self._home / "ready").touch()
        return python
