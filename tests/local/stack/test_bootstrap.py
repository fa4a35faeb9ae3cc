"""Building environments: what is current is left alone, what fails is told in the installer's words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aws_local.spark import archive_path
from local import aws, spark_setup
from local.config import LocalConfig
from local.stack import bootstrap
from local.stack.steps import Chore, plan


@pytest.fixture
def venvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootstrap, "VENVS", tmp_path)
    return tmp_path


def pretend_built(venvs: Path, name: str) -> None:
    python = venvs / name.partition(":")[0] / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    bootstrap._write_stamp(python.parents[1], bootstrap._made_from(name))


def test_what_is_current_is_left_alone(venvs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_built(venvs, "dev")
    monkeypatch.setattr(bootstrap, "_uv", lambda: pytest.fail("nothing is to be installed"))
    assert bootstrap.main(["dev"]) == 0


def test_changed_pins_are_installed_anew(venvs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_built(venvs, "dev")
    (venvs / "dev" / ".made-from").write_text("of older pins")
    built: list[str] = []
    monkeypatch.setattr(bootstrap, "_uv", lambda: Path("uv"))
    monkeypatch.setattr(bootstrap, "_build", lambda _uv, name: built.append(name))
    assert bootstrap.main(["dev"]) == 0
    assert built == ["dev"]


def test_an_environment_may_be_built_from_another_ones_pins(venvs: Path) -> None:
    assert bootstrap._pins("airflow-312:airflow").name == "airflow.txt"
    assert bootstrap._home("airflow-312:airflow") == venvs / "airflow-312"


def test_an_unknown_environment_is_refused(venvs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["cobol"]) == 2
    assert "requirements/cobol.txt" in capsys.readouterr().err


def test_a_failed_installation_shows_the_installers_words(
    venvs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_uv: Path, _name: str) -> None:
        bootstrap._call([sys.executable, "-c", "raise SystemExit('no such host')"], "installing")

    monkeypatch.setattr(bootstrap, "_uv", lambda: Path("uv"))
    monkeypatch.setattr(bootstrap, "_build", fail)
    assert bootstrap.main(["dev"]) == 1
    assert "no such host" in capsys.readouterr().err


@pytest.mark.parametrize("later", [False, True])
def test_the_connector_may_be_left_to_the_start_of_the_stack(
    venvs: Path, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    for name in ("local", "spark"):
        pretend_built(venvs, name)
    fetched: list[str] = []
    monkeypatch.setattr(bootstrap, "_uv", lambda: Path("uv"))
    monkeypatch.setattr(bootstrap, "_spark_jars", lambda: fetched.append("jars"))
    assert bootstrap.main([*([bootstrap.CONNECTOR_LATER] if later else []), "local", "spark"]) == 0
    assert fetched == ([] if later else ["jars"])


def test_a_stack_without_the_connector_fetches_it_at_its_start(venvs: Path) -> None:
    config = LocalConfig(home=venvs / "home", venvs=venvs)
    (step,) = [step for step in plan(config).steps if step.name == "spark-connector"]
    assert isinstance(step, Chore)
    assert not step.done(), "there is no jar"
    assert step.needs == (), "waits for no component"
    assert step.command[-1] == "local.spark_setup"

    config.spark_jars.mkdir()
    for name in spark_setup.JARS:
        (config.spark_jars / name).touch()
    (config.spark_jars / ".complete").write_text(spark_setup._marker())
    assert not step.done(), "jars without an archive: Spark would start slowly"
    archive_path(aws.spark_runtime(config)).touch()
    assert step.done()
