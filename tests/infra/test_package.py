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
from conftest import Applied, environment_python
from terraform import REPO

from tools import package
from tools.mwaa_requirements import IMAGE
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
    shutil.copytree(REPO / IMAGE, clone / IMAGE)
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
    # Tables, their columns.yaml, and the macros and steps that templates import and include.
    sql = {
        path.relative_to(REPO)
        for path in (REPO / "include" / "sql").rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert {path.suffix for path in sql} == {".sql", ".yaml"}
    assert {f"mwaa/dags/{path.as_posix()}" for path in sql} <= names
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
        ["bash", str(REPO / "startup.sh")],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "was plugins.zip built by 'make package'?" in empty.stderr
    (tmp_path / "plugins" / "RELEASE").write_text("abc\n")
    (tmp_path / "plugins" / "wheels" / "a.whl").touch()
    told = subprocess.run(
        ["bash", "-c", f'source "{REPO}/startup.sh" && echo "release=$DWH_RELEASE"'],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0
    assert "release=abc" in told.stdout


def test_dags_parse_as_on_mwaa(dist: Path, applied: Applied, tmp_path: Path) -> None:
    """The unpacked package under the options that Terraform sets, with the connections that it wrote."""
    home = tmp_path / "airflow"
    mwaa.unpack(dist, home)
    options = applied.outputs["airflow_configuration"]
    variables = mwaa.airflow_environ(home, options, applied.endpoint.environ())
    found = mwaa.parse(environment_python("airflow"), home, variables, options)
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


@pytest.mark.parametrize(
    "name", ["dags/broken.py", "plugins/ecommerce_dwh/broken.py", "include/glue/broken.py"]
)
def test_file_that_is_no_python_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is built, so a deployment uploads nothing."""
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\ndef broken(:\n")
    with pytest.raises(
        PackageError, match=rf"{re.escape(name)}, line 2 is not Python: .*correct it and commit"
    ):
        package.check_syntax(tmp_path)
    path.write_text("x = 1\n")
    package.check_syntax(tmp_path)
