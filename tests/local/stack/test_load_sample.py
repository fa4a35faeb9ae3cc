"""``make load-sample`` before and after its run: what is wrong with the folder, and what to do about a closed gate."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import __main__ as program
from local.config import LocalConfig
from local.stack import demo, runs


@pytest.mark.parametrize(("folder", "said"), [("nowhere", "is no folder"), ("empty", "holds no source files")])
def test_a_folder_that_cannot_be_loaded_is_noticed_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str, said: str
) -> None:
    def started(*_: Any) -> None:
        raise AssertionError("the stack was started")

    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(demo, "Stack", started)
    assert demo.load_sample(LocalConfig(home=tmp_path / "home"), tmp_path / folder) == 1
    assert said in capsys.readouterr().out.replace("\n", " ")


def test_the_command_after_a_closed_gate_can_be_typed_as_it_is_shown() -> None:
    text = demo._closed_gate(Path("my shop/files"), ["--order-date-format", "%m/%d/%Y"])
    (line,) = [line for line in text.splitlines() if line.strip().startswith("load them as they are:")]
    make, target, sample, arguments = shlex.split(line.partition("are:")[2])
    assert (make, target, sample) == ("make", "load-sample", "SAMPLE=my shop/files")
    options = shlex.split(arguments.removeprefix("ARGS="))
    parsed, rest = program._parser().parse_known_args(["load-sample", "my shop/files", *options])
    assert parsed.gate_override_reason == "your name: why these rows may be loaded"
    assert rest == ["--order-date-format", "%m/%d/%Y"]


class Slow:
    """An API whose only task runs for some looks."""

    url = "http://127.0.0.1"

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"tasks": [{"task_id": "process_data", "downstream_task_ids": []}]}

    def run(self, *_: Any) -> dict[str, Any]:
        self.looks -= 1
        return {"state": "running" if self.looks > 0 else "success", "start_date": None}

    def task_instances(self, *_: Any) -> list[dict[str, Any]]:
        begin = {"start_date": "2026-01-01T00:00:00+00:00", "end_date": "2026-01-01T00:02:00+00:00"}
        return [{"task_id": "process_data", "state": "running" if self.looks > 0 else "success", **begin}]


def test_without_a_terminal_a_long_task_is_named_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 100_000, 20))
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(runs.time, "sleep", lambda _: None)
    target = Console(record=True, width=200, force_terminal=False)
    runs.watch(Slow(7), "d", {"2026-01-01": "r"}, target=target)  # type: ignore[arg-type]
    lines = target.export_text().splitlines()
    assert [line for line in lines if "process_data (120 s)" in line]
    assert 2 <= len(lines) <= 6
