"""Build the Python environments: ``python local/stack/bootstrap.py airflow spark local dev``.

``airflow-312:airflow`` builds ``.venv/airflow-312`` from ``requirements/airflow.txt``, for another Python. With
``--connector-later`` Spark's S3 connector is left to the start of the stack, which fetches it while Airflow starts.

Runs with the system's Python before anything is installed, so it uses the standard library only. uv comes by
plain pip, pinned and hash-checked, and builds every other environment from its hash-pinned
``requirements/<name>.txt``. What was built is remembered by the hash of its requirements: a second call does
nothing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv").resolve()
DEFAULT = ("airflow", "spark", "local", "dev")
JARS_OF = {"spark"}
CONNECTOR_LATER = "--connector-later"
# Packages of this repository that an environment holds as links to their sources, with their commands and plugins.
PACKAGES_OF = {"local": ("aws-local", "redshift-local", "shop-data", "shop-import")}


class BootstrapError(RuntimeError):
    """An environment could not be built; the message has the installer's words."""


def main(names: list[str]) -> int:
    """Build environments side by side; returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - runs with whatever Python the machine has
        print("Python 3.11 or newer is needed.", file=sys.stderr)
        return 1
    later = CONNECTOR_LATER in names
    wanted = [name for name in names if name != CONNECTOR_LATER] or list(DEFAULT)
    if wrong := [name for name in wanted if not _pins(name).exists()]:
        print(f"There is no {_pins(wrong[0]).relative_to(REPO)}.", file=sys.stderr)
        return 2
    began = time.monotonic()
    failures: list[str] = []
    try:
        missing = [name for name in wanted if not _is_current(name)]
        jars = bool(JARS_OF & set(wanted)) and not later and not _jars_current()
        if not missing and not jars:
            return 0
        print(f"Setting up in {VENVS}", flush=True)
        uv = _uv()
        builders = {
            name: threading.Thread(target=_guarded, args=(failures, _build, uv, name)) for name in missing
        }
        for builder in builders.values():
            builder.start()
        if jars:  # fetched with one environment for another
            for name in {"local", "spark"} & builders.keys():
                builders[name].join()
            if not failures:
                _spark_jars()
        for builder in builders.values():
            builder.join()
    except BootstrapError as error:
        failures.append(str(error))
    if failures:
        print("\n".join(failures), file=sys.stderr)
        return 1
    print(f"Set up in {time.monotonic() - began:.0f} s.", flush=True)
    return 0


def _guarded(failures: list[str], work: Callable[..., None], *arguments: object) -> None:
    """Run in a thread; its failure is reported when all threads are done."""
    try:
        work(*arguments)
    except BootstrapError as error:
        failures.append(str(error))


def _uv() -> Path:
    """The pinned uv, installed when missing."""
    home = VENVS / "uv"
    program = home / "bin" / "uv"
    pins = REPO / "requirements" / "uv.txt"
    current = hashlib.sha256(pins.read_bytes()).hexdigest()  # a uv of any Python builds for all of them
    if _stamp(home) == current and program.exists():
        return program
    began = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    _call([sys.executable, "-m", "venv", str(home)], "Python's venv module (Debian: package python3-venv)")
    _call(
        [
            str(home / "bin" / "python"),
            *("-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
            *("--require-hashes", "--only-binary", ":all:", "-r", str(pins)),
        ],
        "installing uv",
    )
    _write_stamp(home, current)
    _report("uv", began)
    return program


def _build(uv: Path, name: str) -> None:
    began = time.monotonic()
    home = _home(name)
    pins = _pins(name)
    python = home / "bin" / "python"
    if not python.exists():
        _call([str(uv), "venv", "--quiet", "--python", sys.executable, str(home)], f"creating {home}")
    _call(
        [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(pins)],
        f"installing {pins.relative_to(REPO)}",
    )
    if folders := _packages(name):
        # Built by the backend inside uv: nothing is downloaded.
        links = [part for folder in folders for part in ("--editable", str(folder))]
        _call(
            [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), *links],
            f"installing {', '.join(folder.name for folder in folders)}",
        )
    _write_stamp(home, _made_from(name))
    _report(f"{home.name} environment", began)


def _spark_jars() -> None:
    began = time.monotonic()
    environ = {**os.environ, "PYTHONPATH": str(REPO), "DWH_LOCAL_VENVS": str(VENVS)}
    _call(
        [str(VENVS / "local" / "bin" / "python"), "-m", "local.spark_setup"],
        "fetching Spark's S3A jars",
        environ,
    )
    _write_stamp(VENVS / "spark-jars", _fingerprint(REPO / "local" / "spark_setup.py"))
    _report("Spark's S3 connector", began)


def _jars_current() -> bool:
    return _stamp(VENVS / "spark-jars") == _fingerprint(REPO / "local" / "spark_setup.py")


def _is_current(name: str) -> bool:
    return (_home(name) / "bin" / "python").exists() and _stamp(_home(name)) == _made_from(name)


def _home(name: str) -> Path:
    return VENVS / name.partition(":")[0]


def _pins(name: str) -> Path:
    return REPO / "requirements" / f"{name.partition(':')[2] or name}.txt"


def _packages(name: str) -> list[Path]:
    return [REPO / "packages" / package for package in PACKAGES_OF.get(name, ())]


def _made_from(name: str) -> str:
    """Hash of an environment's pins and of the metadata of its packages of this repository."""
    return _fingerprint(_pins(name), *(folder / "pyproject.toml" for folder in _packages(name)))


def _fingerprint(*sources: Path) -> str:
    """Hash of the files that a folder is made from, and of the Python that it is for."""
    machine = f"{platform.python_implementation()} {platform.python_version()} {platform.platform()}"
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources) + machine.encode()).hexdigest()


def _stamp(home: Path) -> str:
    try:
        return (home / ".made-from").read_text()
    except OSError:
        return ""


def _write_stamp(home: Path, fingerprint: str) -> None:
    (home / ".made-from").write_text(fingerprint)


def _call(command: list[str], what: str, environ: dict[str, str] | None = None) -> None:
    environ = dict(os.environ if environ is None else environ)
    for name in ("VIRTUAL_ENV", "PYTHONHOME"):
        environ.pop(name, None)
    done = subprocess.run(
        command, cwd=REPO, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise BootstrapError(f"✘ {what} failed:\n{done.stdout.strip()}")


def _report(what: str, began: float) -> None:
    print(f"✔ {what:<24} {time.monotonic() - began:5.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
