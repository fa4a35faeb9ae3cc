"""The MWAA package: reproducible, complete, small, installable, and its DAGs can be imported as MWAA imports them."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mwaa
import pytest
from conftest import Applied, environment_python, python312
from terraform import REPO, environ

from tools import package
from tools.package import PackageError


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "dist"
    package.build(target)
    return target


def _hashes(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_same_input_gives_same_bytes(dist: Path, tmp_path: Path) -> None:
    """Even from another folder, with other file times and left-overs of Python."""
    clone = tmp_path / "clone"
    for name in ("dags", "plugins", "include", "requirements"):
        shutil.copytree(REPO / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "startup.sh"):
        shutil.copy(REPO / name, clone / name)
    left_over = clone / "plugins" / "ecommerce_dwh" / "__pycache__" / "x.pyc"
    left_over.parent.mkdir()
    left_over.write_bytes(b"x")
    for path in clone.rglob("*.py"):
        os.utime(path, (1, 1))
    package.build(tmp_path / "dist", clone, package.fetch_wheels(REPO))
    assert _hashes(tmp_path / "dist") == _hashes(dist)


def test_manifest_names_every_file(dist: Path) -> None:
    document = json.loads((dist / "manifest.json").read_text())
    found = _hashes(dist)
    found.pop("manifest.json")
    assert {name: entry["sha256"] for name, entry in document["files"].items()} == found


def test_everything_that_mwaa_needs_is_there(dist: Path) -> None:
    names = set(_hashes(dist))
    dags = {f"mwaa/dags/{path.name}" for path in (REPO / "dags").glob("*.py")}
    sources = {
        f"mwaa/dags/include/sources/{path.name}" for path in (REPO / "include" / "sources").glob("*.yaml")
    }
    assert dags and sources
    assert (
        dags | sources | {"mwaa/dags/.airflowignore", "mwaa/plugins.zip", "glue/ecommerce_dwh_glue.zip"}
        <= names
    )
    assert {f"glue/{path.name}" for path in (REPO / "include" / "glue").glob("*.py")} <= names
    # Whatever the plugin package reads of include/ at run time.
    read = set(
        re.findall(r"include_dir / \"(\w+)\"", "".join(p.read_text() for p in (REPO / "plugins").rglob("*.py")))
    )
    assert {"sql", "sources"} <= read
    for folder in read:
        assert any(name.startswith(f"mwaa/dags/include/{folder}/") for name in names), folder
    with zipfile.ZipFile(dist / "mwaa/plugins.zip") as archive:
        inside = archive.namelist()
    assert "ecommerce_dwh/settings.py" in inside
    assert "RELEASE" in inside
    assert not [name for name in inside if "__pycache__" in name or name.startswith("/")]


def test_requirements_name_no_constraints_file() -> None:
    """MWAA adds its image's constraints unless a line names some, be it in a comment."""
    text = package.requirements(REPO, package.fetch_wheels())
    assert "-c " not in text
    assert "--constraint " not in text


def test_wheels_are_for_mwaa_whatever_builds_them(tmp_path: Path) -> None:
    """MarkupSafe has wheels for each Python; this suite runs on another one than MWAA."""
    pins = (REPO / "requirements" / "airflow.txt").read_text()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "airflow.txt").write_text(pins)
    (tmp_path / "requirements.txt").write_text(re.search(r"^markupsafe==[\d.]+", pins, re.MULTILINE)[0])  # type: ignore[index]
    (name,) = package.fetch_wheels(tmp_path)
    assert "-cp312-cp312-manylinux" in name
    assert name.endswith("x86_64.whl")


def test_requirements_install_offline_on_the_image_s_pins(dist: Path, tmp_path: Path) -> None:
    """A clean Python 3.12 on top of what the image has; nothing but that and the package's wheels is reachable.

    The image's packages are empty here but bear its names and versions, which is what pip resolves by.
    """
    image = _image()
    essential = {"apache-airflow": "3.3.1", "sqlalchemy": "2.0.51", "redshift-connector": "2.1.16"}
    assert essential.items() <= image.items()
    ours = {
        line.partition("==")[0]
        for line in (dist / "mwaa/requirements.txt").read_text().splitlines()
        if "==" in line
    }
    assert not ours & set(image), "the image has it; its version must not be moved"
    for name, version in image.items():
        _empty_wheel(tmp_path / "image", name, version)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in image.items()))
    with zipfile.ZipFile(dist / "mwaa/plugins.zip") as archive:
        archive.extractall(tmp_path / "plugins")
    text = (dist / "mwaa/requirements.txt").read_text()
    assert package.WHEELS_ON_MWAA in text
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(text.replace(package.WHEELS_ON_MWAA, str(tmp_path / "plugins" / "wheels")))
    subprocess.run([python312(), "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    clean = {
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(tmp_path / "image"),
        "PIP_INDEX_URL": "",
    }
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted), "-c", str(constraints)],
        env=environ(clean), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check = subprocess.run([str(python), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    code = "import openlineage_sql, sqlglot, sys; print(sys.version_info[:2])"  # one of them is compiled
    ran = subprocess.run(
        [str(python), "-c", code], env=environ({}), capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "(3, 12)", ran.stderr


_CLOSURE = """
import json, re, sys
from importlib.metadata import PackageNotFoundError, distribution
from packaging.requirements import Requirement

def plain(name):
    return re.sub(r'[-_.]+', '-', name).lower()

found, todo = {}, [Requirement(text) for text in json.loads(sys.argv[1])]
while todo:
    wanted = todo.pop()
    try:
        installed = distribution(wanted.name)
    except PackageNotFoundError:
        continue  # not for this Python or system
    if found.get(plain(wanted.name), set()) >= {'', *wanted.extras}:
        continue
    found.setdefault(plain(wanted.name), set()).update({'', *wanted.extras})
    for text in installed.requires or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({'extra': extra}) for extra in ('', *wanted.extras)):
            todo.append(needed)
print(json.dumps({name: distribution(name).version for name in found}))
"""


def _image() -> dict[str, str]:
    """What the image has at least: the pins that requirements/airflow.in takes over from it, and what they need."""
    ours = {line.partition("==")[0] for line in (REPO / "requirements.txt").read_text().splitlines()}
    lines = [
        line.partition("#")[0].strip()
        for line in (REPO / "requirements" / "airflow.in").read_text().splitlines()
    ]
    pins = [line for line in lines if "==" in line and line.partition("==")[0] not in ours]
    done = subprocess.run(
        [str(environment_python("airflow")), "-c", _CLOSURE, json.dumps(pins)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _empty_wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(
            f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{stem}.dist-info/RECORD", "")


def test_glue_jobs_need_no_wheels() -> None:
    """Glue 5.1 has all that the jobs import, so nothing is installed when a job starts.

    What it has: docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html
    """
    ours = {"ecommerce_dwh", "ecommerce_dwh_glue"}
    given = set(sys.stdlib_module_names) | {"pyspark", "py4j", "boto3", "botocore", "pyarrow", "awsglue"} | ours
    for path in (REPO / "include" / "glue").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= given, path.name


def test_unpinned_requirement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("holidays>=0.1\n")
    with pytest.raises(PackageError, match="not an exact pin"):
        package.requirements(tmp_path, {})


def test_version_that_the_tests_did_not_run_with_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "airflow.txt").write_text((REPO / "requirements" / "airflow.txt").read_text())
    (tmp_path / "requirements.txt").write_text("holidays==0.1\n")
    with pytest.raises(PackageError, match="MWAA must get what the tests ran with"):
        package.fetch_wheels(tmp_path)


def test_data_in_the_tree_is_refused() -> None:
    with pytest.raises(PackageError, match=r"mwaa/dags has 20,000,000 bytes.*big\.sql"):
        package.check_limits({"mwaa/dags/include/sql/big.sql": b"x" * 20_000_000})


def test_startup_script_is_sound_and_never_fails_a_component(tmp_path: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert subprocess.run([str(shellcheck), str(REPO / "startup.sh")], check=False).returncode == 0
    (tmp_path / "plugins" / "wheels").mkdir(parents=True)
    empty = subprocess.run(
        ["bash", str(REPO / "startup.sh")], env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "was plugins.zip built by 'make package'?" in empty.stderr
    (tmp_path / "plugins" / "RELEASE").write_text("abc\n")
    (tmp_path / "plugins" / "wheels" / "a.whl").touch()
    told = subprocess.run(
        ["bash", "-c", f'source "{REPO}/startup.sh" && echo "release=$DWH_RELEASE"'],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0
    assert "release=abc" in told.stdout


_PARSE = """
import json, sys
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow import plugins_manager
from airflow.sdk import Connection
from ecommerce_dwh.settings import get_settings

options = json.loads(sys.argv[1])
sections = conf.configuration_description
known = {f'{section}.{key}' for section in sections for key in sections[section]['options']}
unknown = [name for name in options if name not in known and not name.startswith('ecommerce_dwh.')]
bag = DagBag()
plugins_manager.ensure_plugins_loaded()
found = get_settings()
redshift = Connection.get('redshift_default')
print('FOUND', json.dumps({
    'dags': sorted(bag.dags), 'errors': bag.import_errors, 'plugin_errors': plugins_manager.get_import_errors(),
    'plugins': [plugin.name for plugin in plugins_manager._get_plugins()[0]], 'unknown': unknown,
    'lazy': conf.getboolean('core', 'lazy_load_plugins'), 'include': str(found.include_dir),
    'topic': found.sns_topic_arn, 'host': redshift.host, 'password': redshift.password,
}))
"""


def test_dags_parse_as_on_mwaa(dist: Path, applied: Applied, tmp_path: Path) -> None:
    """The unpacked package under the options that Terraform sets, with the connections that it wrote."""
    home = tmp_path / "airflow"
    mwaa.unpack(dist, home)
    options = applied.outputs["airflow_configuration"]
    variables = mwaa.airflow_environ(home, options, applied.endpoint.environ())
    told = mwaa.run(environment_python("airflow"), _PARSE, home, variables, json.dumps(options))
    found = json.loads(next(line for line in told.splitlines() if line.startswith("FOUND "))[6:])
    assert found["errors"] == {}
    assert found["plugin_errors"] == {}
    assert found["unknown"] == [], "options that this Airflow does not have"
    assert "ecommerce_dwh" in found["plugins"]
    assert found["lazy"] is False
    expected = {path.stem for path in (REPO / "dags").glob("*.py")}
    assert expected and expected <= set(found["dags"]) | {"airflow_local_settings"}
    assert found["include"] == str(home / "dags" / "include")
    assert found["topic"] == applied.outputs["alert_topic_arn"]
    assert f"{found['host']}:5439" == applied.outputs["redshift_endpoint"]
    assert found["password"] is None
