"""``make plan`` against a running warehouse, and against none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness import Warehouse

from tools import plan


def test_a_difference_is_shown_and_nothing_is_changed(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    warehouse.reset()
    monkeypatch.setattr(plan, "load_config", lambda: warehouse.config)
    assert plan.main([]) == 0
    before = capsys.readouterr().out
    warehouse.admin.execute("set lock_timeout = '10s'")
    warehouse.admin.execute("alter table facts.fact_web_events drop column browser cascade")
    try:
        assert plan.main([]) == 0
        shown = capsys.readouterr().out
        assert "facts.fact_web_events" in shown
        assert "browser" in shown
        assert shown != before
        overwrite = ["--overwrite", "facts.fact_web_events"]
        assert plan.main(["--detailed-exitcode", *overwrite]) == 2
        assert "alter table facts.fact_web_events add column browser" in capsys.readouterr().out
        assert plan.main(["--words", *overwrite]) == 0
        assert "alter table" not in capsys.readouterr().out
        # Nothing that the command read is locked: somebody may change the table while its process lives.
        warehouse.admin.execute("alter table facts.fact_web_events alter column referrer set not null")
        warehouse.admin.execute("alter table facts.fact_web_events alter column referrer drop not null")
        columns = "select count(*) as n from information_schema.columns where table_schema = 'facts' "
        columns += "and table_name = 'fact_web_events' and column_name = 'browser'"
        assert warehouse.rows(columns) == [{"n": 0}]
    finally:
        warehouse.admin.execute("alter table facts.fact_web_events add column browser varchar(128)")
        warehouse.admin.execute("reset lock_timeout")


def test_a_stack_that_does_not_run_is_named(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(plan, "load_config", lambda: replace(warehouse.config, redshift_port=1))
    assert plan.main([]) == 1
    assert capsys.readouterr().err == "The local warehouse does not answer; start it: make up\n"
