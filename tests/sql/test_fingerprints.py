"""Tables know which code built them: a changed file is named, and nothing of mixed versions is published."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from harness import CONTRACTS, MERGES, SQL, ConnectionSession, GuardFailed, Warehouse, plan_changes
from test_views import rows_of

from ecommerce_dwh.changes import logic
from tools.generate.fingerprints import MACRO, code_of, fingerprints, macro

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
OLDER = "update quality.built_by set fingerprint = 'older' where table_name = '{}' and file_name = '{}'"


def _order(number: int, day: date) -> dict[str, Any]:
    order = {
        "order_id": f"O{number}",
        "customer_id": "C1",
        "order_date": f"{day} 09:00",
        "order_status": "delivered",
    }
    item = {
        "order_item_id": f"I{number}",
        "order_id": f"O{number}",
        "product_id": "P1",
        "quantity": 2,
        "unit_price": 20.5,
    }
    return {"orders": [order], "order_items": [item]}


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    warehouse.load(DAY, DAY, rows_of(_order(1, DAY), DAY))
    return warehouse


def _next_day(warehouse: Warehouse) -> None:
    warehouse.load(NEXT, NEXT, rows_of(_order(2, NEXT), NEXT))


def _published(warehouse: Warehouse) -> date:
    (row,) = warehouse.rows("select published_day from quality.warehouse_state")
    return row["published_day"]  # type: ignore[no-any-return]


def test_the_first_publishing_notes_the_code_of_every_table(loaded: Warehouse) -> None:
    rows = loaded.rows("select table_name, file_name, fingerprint, reason from quality.built_by")
    noted = {(row["table_name"], row["file_name"], row["fingerprint"]) for row in rows}
    assert noted == set(fingerprints(SQL, CONTRACTS))
    assert {row["reason"] for row in rows} == {None}
    assert {"facts.fact_sales", "dimensions.dim_customer", "analytics.agg_customer"} <= set(code_of(SQL))


@pytest.mark.parametrize(
    ("table", "file"),
    [
        ("facts.fact_sales", "facts/fact_sales/new_sales.sql"),
        ("dimensions.dim_customer", "dimensions/dim_customer/merge.sql"),
        ("analytics.agg_customer", "analytics/agg_customer/refresh.sql"),
    ],
)
def test_a_table_of_mixed_versions_is_not_published_and_the_file_is_named(
    loaded: Warehouse, table: str, file: str
) -> None:
    loaded.admin.execute(OLDER.format(table, file))
    with pytest.raises(GuardFailed, match=f"earlier version of their SQL.*{table}.*{file}.*changed"):
        _next_day(loaded)
    assert _published(loaded) == DAY

    plan = plan_changes(ConnectionSession(loaded.connect))
    (said,) = plan.out_of_date
    assert said.startswith(f"{table} holds rows of an earlier version of its SQL ({file} changed)")
    assert said in plan.text()
    if table == "facts.fact_sales":
        assert "analytics.agg_customer" in said, "lineage says what follows"


def test_a_rebuild_makes_the_table_publishable_in_order(loaded: Warehouse) -> None:
    loaded.admin.execute(OLDER.format("facts.fact_sales", "facts/fact_sales/merge.sql"))
    loaded.admin.execute(OLDER.format("analytics.agg_day", "analytics/agg_day/refresh.sql"))
    with pytest.raises(GuardFailed, match=r"analytics follow from them; run rebuild_warehouse\.sql"):
        loaded.run("maintenance/rebuild_analytics.sql")
    load = loaded.stage(NEXT, NEXT, rows_of(_order(2, NEXT), NEXT))
    loaded.merge(load)
    loaded.run("maintenance/rebuild_warehouse.sql", load)
    for file in MERGES:
        loaded.run(file, load)
    loaded.publish(load)
    assert _published(loaded) == NEXT

    loaded.admin.execute(OLDER.format("analytics.agg_day", "analytics/agg_day/refresh.sql"))
    loaded.run("maintenance/rebuild_analytics.sql")
    loaded.publish(load)
    assert plan_changes(ConnectionSession(loaded.connect)).out_of_date == []


def test_rows_of_an_earlier_version_are_accepted_with_a_reason(loaded: Warehouse) -> None:
    loaded.admin.execute(OLDER.format("facts.fact_sales", "facts/fact_sales/merge.sql"))
    session = ConnectionSession(loaded.connect)
    session.transaction(
        lambda cursor: logic.accept(cursor, "facts.fact_sales", "only new statuses count otherwise")
    )
    _next_day(loaded)
    assert _published(loaded) == NEXT
    reasons = loaded.rows("select distinct reason from quality.built_by where table_name = 'facts.fact_sales'")
    assert [row["reason"] for row in reasons] == ["only new statuses count otherwise"]


def test_a_file_that_is_gone_and_one_that_is_new_are_changes(loaded: Warehouse) -> None:
    loaded.admin.execute(
        "update quality.built_by set file_name = 'facts/fact_sales/was.sql' "
        "where file_name = 'facts/fact_sales/lines.sql'"
    )
    found = dict(ConnectionSession(loaded.connect).transaction(lambda cursor: logic.out_of_date(cursor.query)))
    assert found == {"facts.fact_sales": ["facts/fact_sales/lines.sql new", "facts/fact_sales/was.sql gone"]}


# The fingerprints themselves -----------------------------------------------------------------------------------------


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    shutil.copytree(SQL, tmp_path / "sql")
    return tmp_path / "sql"


def _changed(sql: Path) -> set[str]:
    return {file for _, file, _ in set(fingerprints(sql, CONTRACTS)) - set(fingerprints(SQL, CONTRACTS))}


def test_formatting_and_comments_change_no_fingerprint(sql: Path) -> None:
    for file in sql.glob("facts/fact_sales/*.sql"):
        text = file.read_text("utf-8")
        file.write_text("-- another remark\n\n" + text.replace("select\n", "select -- these\n\n"), "utf-8")
    assert _changed(sql) == set()


def test_a_changed_macro_changes_every_file_that_uses_it(sql: Path) -> None:
    path = sql / "macros" / "quotient.sql"
    before = path.read_text("utf-8")
    users = [
        f
        for f in sql.glob("*/*/*.sql")
        if "macros/quotient.sql" in f.read_text("utf-8") and f.name == "refresh.sql"
    ]
    path.write_text(before.replace("round", "trunc"), "utf-8")
    assert path.read_text("utf-8") != before
    assert {file.relative_to(sql).as_posix() for file in users} <= _changed(sql)


def test_a_changed_step_changes_its_file_and_those_that_include_it(sql: Path) -> None:
    path = sql / "facts/fact_sales/lines.sql"
    path.write_text(path.read_text("utf-8") + "\nselect 1 as one;\n", "utf-8")
    assert _changed(sql) == {"facts/fact_sales/lines.sql", "facts/fact_sales/merge.sql"}


def test_the_committed_file_is_current() -> None:
    assert (SQL.parents[1] / MACRO).read_text("utf-8") == macro(fingerprints(SQL, CONTRACTS))
