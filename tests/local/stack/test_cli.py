"""The command line: what it prints and returns without a running stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import __main__ as cli
from local.config import load_config


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWH_LOCAL_HOME", str(tmp_path / "home"))


def test_status_of_a_stopped_stack_lists_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 3
    output = capsys.readouterr().out
    for component in (
        "postgres",
        "redshift",
        "aws",
        "smtp",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
    ):
        assert component in output
    assert "stopped" in output


def test_down_of_a_stopped_stack_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert "Nothing is running" in capsys.readouterr().out


def test_env_prints_lines_that_a_shell_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("export ") for line in lines)
    names = {line.split("=")[0].removeprefix("export ") for line in lines}
    assert {"AWS_ENDPOINT_URL", "PGHOST", "AIRFLOW_HOME", "AIRFLOW_CONN_REDSHIFT_DEFAULT"} <= names


def test_env_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env", "psql"]) == 0
    names = {line.split("=")[0].removeprefix("export ") for line in capsys.readouterr().out.splitlines()}
    assert names == {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE"}


def test_reset_asks_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = load_config().mail_dir
    kept.mkdir(parents=True)
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    assert cli.main(["reset"]) == 1
    assert kept.exists()
    assert cli.main(["reset", "--yes"]) == 0
    assert not kept.exists()


def test_logs_of_an_unknown_component_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["logs", "nonsense"]) == 1
    assert "There is no component nonsense" in capsys.readouterr().out


def test_a_port_that_is_no_number_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWH_LOCAL_AWS_PORT", "http")
    assert cli.main(["status"]) == 1
    assert "DWH_LOCAL_AWS_PORT is 'http'" in capsys.readouterr().out
