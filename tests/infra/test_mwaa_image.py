"""requirements.txt in MWAA's image: the image's packages, its constraints, its pip, and every DAG imported there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import mwaa
import pytest
from conftest import environment_python, python312
from hypothesis import given
from hypothesis import strategies as st
from mwaa import image
from terraform import REPO

from tools import mwaa_requirements, package
from tools.mwaa_requirements import PackageError, check_closure, check_pins, constraints, image_pins, pins

CONSTRAINTS = constraints(REPO)
INSTALLED = image_pins(REPO)
PINS = pins(REPO / "requirements.txt")

# One package for each way to miss the image: of the constraints, essential, only in the image, in both.
STALE = {
    "httpx2": "2.16.2",
    "openlineage-python": "1.54.0",
    "truststore": "0.10.5",
    "fluent-logger": "0.11.0",
    "SQLAlchemy": "2.0.50",
    "psycopg2": "2.9.11",
    "openlineage_sql": "1.54.0",
    "Flask.AppBuilder": "5.2.1",
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "dist"
    package.build(target)
    return target


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a fresh image."""
    environment_python("uv")
    return image.build(
        python312(), environment_python("uv").with_name("uv"), tmp_path_factory.mktemp("image") / "venv"
    )


@pytest.fixture(scope="module")
def started(dist: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an Airflow whose image has installed the package's requirements, as at a component's start."""
    home = tmp_path_factory.mktemp("airflow")
    mwaa.unpack(dist, home)
    done = image.install(python, image.unpacked(dist, home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr
    return home


def _frozen(python: Path) -> dict[str, str]:
    done = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        mwaa_requirements.canonicalize_name(item["name"]): item["version"] for item in json.loads(done.stdout)
    }


# --- without a Python 3.12 ------------------------------------------------------------------------------------------


def test_constraints_are_those_of_the_image() -> None:
    assert len(INSTALLED) == 215
    assert {"apache-airflow": "3.3.1", "celery": "5.6.3", "httpx2": "2.9.1"}.items() <= CONSTRAINTS.items()
    wrong = {name: version for name, version in INSTALLED.items() if CONSTRAINTS.get(name, version) != version}
    assert wrong == {}, "the image would not satisfy its own constraints"


def test_lock_of_the_image_is_the_image() -> None:
    locked = image.locked()
    assert locked.keys() - INSTALLED.keys() == image.UNLISTED
    assert INSTALLED.keys() - locked.keys() == image.WITHOUT_WHEEL
    assert {name: version for name, version in locked.items() if name in INSTALLED} == {
        name: version for name, version in INSTALLED.items() if name in locked
    }


@pytest.mark.parametrize("name", ["requirements.txt", "requirements/airflow.txt"])
def test_every_version_is_the_one_that_the_image_allows(name: str) -> None:
    """The tests' Airflow holds what requirements.txt needs, down to the last package; MWAA must get the same."""
    ours = pins(REPO / name)
    known = {**INSTALLED, **CONSTRAINTS}
    assert ours
    wrong = {
        found: (version, known[found])
        for found, version in ours.items()
        if known.get(found, version) != version
    }
    assert wrong == {}


def test_requirements_are_complete() -> None:
    check_pins(PINS, REPO)
    check_closure(PINS, package.fetch_wheels(), REPO)


@pytest.mark.parametrize("name", sorted(STALE))
def test_stale_pin_is_refused_before_it_is_packed(name: str) -> None:
    bound = {**INSTALLED, **CONSTRAINTS}[mwaa_requirements.canonicalize_name(name)]
    with pytest.raises(PackageError, match=re.escape(f"write {name}=={bound}")):
        check_pins({**PINS, name: STALE[name]}, REPO)


@given(st.sampled_from(sorted({**INSTALLED, **CONSTRAINTS}.items())), st.sampled_from([".post1", ".1", "0"]))
def test_no_package_of_the_image_may_move(pinned: tuple[str, str], suffix: str) -> None:
    name, version = pinned
    with pytest.raises(PackageError, match="MWAA's image installs"):
        check_pins({name: version + suffix}, REPO)


@given(st.sampled_from(sorted(INSTALLED.items())))
def test_package_that_the_image_has_is_not_named_again(pinned: tuple[str, str]) -> None:
    with pytest.raises(PackageError, match="has already"):
        check_pins(dict([pinned]), REPO)


@pytest.mark.parametrize("name", sorted(name for name in PINS if name.startswith("openlineage")))
def test_forgotten_requirement_is_named(name: str) -> None:
    fewer = {pin: version for pin, version in PINS.items() if pin != name}
    with pytest.raises(PackageError, match=f"(?i)needs {name}.*add {name}==1.52.0"):
        check_closure(fewer, package.fetch_wheels(), REPO)


def test_wheel_that_does_not_go_with_the_image_is_refused(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, "needy", "1.0", "attrs<26", "tomli; python_version<'3.11'", "mypy; extra=='dev'")
    with pytest.raises(PackageError, match=r"needs attrs<26, but MWAA's Airflow has attrs 26\.1\.0"):
        check_closure({"needy": "1.0"}, {wheel.name: wheel.read_bytes()}, REPO)


def test_package_is_not_built_with_a_stale_pin(tmp_path: Path) -> None:
    for name in ("dags", "plugins", "include", "requirements"):
        shutil.copytree(REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPO / mwaa_requirements.IMAGE, tmp_path / mwaa_requirements.IMAGE)
    shutil.copy(REPO / "startup.sh", tmp_path)
    text = (REPO / "requirements.txt").read_text()
    (tmp_path / "requirements.txt").write_text(text + "httpx2==2.16.2\n")
    with pytest.raises(PackageError, match=r"pins httpx2==2\.16\.2, but MWAA's image installs 2\.9\.1 only"):
        package.build(tmp_path / "dist", tmp_path, package.fetch_wheels())
    assert not (tmp_path / "dist").exists()


# --- in the image ---------------------------------------------------------------------------------------------------


def test_stale_pin_makes_the_image_s_pip_fail_and_install_nothing(
    dist: Path, python: Path, tmp_path: Path
) -> None:
    """The wheel is there; only the image's constraints stand in its way. With constraints of its own pip takes it."""
    before = _frozen(python)
    requirements = image.unpacked(dist, tmp_path)
    _wheel(tmp_path / "plugins" / "wheels", "httpx2", "2.16.2")
    text = requirements.read_text() + "httpx2==2.16.2\n"
    requirements.write_text(text)
    done = image.install(python, requirements)
    assert done.returncode != 0
    assert "httpx2==2.16.2" in done.stdout + done.stderr
    assert "(constraint) httpx2==2.9.1" in done.stdout + done.stderr
    assert _frozen(python) == before
    requirements.write_text(f"# a comment with -c counts as constraints\n{text}")
    assert image.install(python, requirements, "--dry-run").returncode == 0


def test_image_installs_the_package_s_requirements(started: Path, python: Path) -> None:
    found = _frozen(python)
    assert found.items() >= PINS.items()
    moved = {name: version for name, version in INSTALLED.items() if found[name] != version}
    assert moved == {}
    assert found.keys() - INSTALLED.keys() - PINS.keys() == image.UNLISTED
    check = subprocess.run([str(python), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_every_dag_and_plugin_is_imported_in_the_image(started: Path, python: Path) -> None:
    connection = json.dumps({"conn_type": "redshift", "host": "warehouse"})
    options = {"core.lazy_load_plugins": "False", "ecommerce_dwh.env": "dev"}
    extra = {"AIRFLOW_CONN_REDSHIFT_DEFAULT": connection}
    variables = mwaa.airflow_environ(started, options, {"AWS_DEFAULT_REGION": "ap-south-1"}, extra)
    found = mwaa.parse(python, started, variables, options)
    assert found["errors"] == {}
    assert found["plugin_errors"] == {}
    assert "ecommerce_dwh" in found["plugins"]
    assert found["python"] == [3, 12]
    expected = {path.stem for path in (REPO / "dags").glob("*.py")}
    assert expected and expected <= set(found["dags"]) | {"airflow_local_settings"}


def _wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """A wheel without a module."""
    folder.mkdir(exist_ok=True)
    stem = f"{name}-{version}"
    target = folder / f"{stem}-py3-none-any.whl"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join(lines) + "\n")
        archive.writestr(
            f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return target
