"""Building environments: what is current is left alone, what fails is told in the installer's words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local.stack import bootstrap


@pytest.fixture
def venvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootstrap, "VENVS", tmp_path)
    return tmp_path


def pretend_built(venvs: Path, name: str) -> None:
    python = venvs / name.partition(":")[0] / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    bootstrap._write_stamp(python.parents[1], bootstrap._fingerprint(bootstrap._pins(name)))


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
