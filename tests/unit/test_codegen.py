"""Generated SQL follows the contracts, and drift is noticed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.warehouse import sql_files
from tools.generate import codegen, erasure_sql

INCLUDE = Path(__file__).resolve().parents[2] / "include"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    shutil.copytree(INCLUDE / "sources", tmp_path / "include" / "sources")
    assert codegen.main([], root=tmp_path) == 0
    return tmp_path / "include"


def test_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert codegen.main(["--check"]) == 0, capsys.readouterr().out


def test_drift_fails_with_a_diff(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = include / "sql" / "staging" / "stg_orders" / "copy.sql"
    path.write_text(path.read_text().replace("    currency,\n", ""))
    capsys.readouterr()
    assert codegen.main(["--check"], root=include.parent) == 1
    output = capsys.readouterr()
    assert "+    currency," in output.out
    assert "make generate" in output.err


def test_a_table_without_contract_is_drift(include: Path) -> None:
    text = (include / "sql" / "staging" / "stg_orders" / "table.sql").read_text()
    left = include / "sql" / "staging" / "stg_returns" / "table.sql"
    left.parent.mkdir()
    left.write_text(text)
    own = include / "sql" / "history" / "by_hand" / "table.sql"
    own.parent.mkdir()
    own.write_text("-- Written by a person.\ncreate table if not exists history.by_hand (a integer);\n")
    assert codegen.main(["--check"], root=include.parent) == 1
    assert codegen.main([], root=include.parent) == 0
    assert not left.exists()
    assert own.exists()


def test_a_new_contract_is_enough_for_tables_and_copy(include: Path) -> None:
    text = (include / "sources" / "products.yaml").read_text()
    (include / "sources" / "returns.yaml").write_text(text.replace("name: products\n", "name: returns\n"))
    assert codegen.main([], root=include.parent) == 0
    for table in ("staging/stg_returns", "history/returns"):
        text = (include / "sql" / table / "table.sql").read_text()
        assert f"create table if not exists {table.replace('/', '.')} (" in text
        columns = sql_files.read_columns(include / "sql" / table / "columns.yaml")
        assert set(re.findall(r"^    (\w+) \w+(?:\(|,| |$)", text, re.MULTILINE)) - {"primary"} == set(
            columns.columns
        )
    assert (include / "sql" / "staging" / "stg_returns" / "copy.sql").exists()


NEW_SOURCE = """
apiVersion: v3.0.2
kind: DataContract
id: urn:ecommerce-dwh:source:loyalty
name: loyalty
version: 1.0.0
status: active
customProperties:
  - {property: history, value: latest}
  - {property: delivery, value: optional}
schema:
  - name: loyalty
    properties:
      - {name: card_id, logicalType: string, physicalType: varchar(64), primaryKey: true}
      - {name: customer_id, logicalType: string, physicalType: varchar(64)}
      - {name: nickname, logicalType: string, physicalType: varchar(64), required: true, tags: [pii]}
      - {name: points, logicalType: integer, physicalType: integer, tags: [pii]}
      - {name: born, logicalType: date, physicalType: date, required: true, tags: [pii]}
"""


def test_a_new_source_with_a_customer_is_erased_by_its_columns(include: Path) -> None:
    (include / "sources" / "loyalty.yaml").write_text(NEW_SOURCE)
    assert codegen.main([], root=include.parent) == 0
    erase = (include / "sql" / "erasure" / "erase_person.sql").read_text()
    sets = (
        "customer_id = erased_person.pseudonym",
        "nickname = 'x'",
        "points = null",
        "born = '1900-01-01'",
    )
    assert "update history.loyalty set\n    " + ",\n    ".join(sets) + "\n" in erase
    assert "delete from staging.stg_loyalty" in erase
    (include / "sql" / "macros").symlink_to(INCLUDE / "sql" / "macros")
    assert "born = '1900-01-01'" in sql_files.render("erasure/erase_person.sql", include / "sql")
    traces = (include / "sql" / "erasure" / "erasure_traces.sql").read_text()
    assert "from history.loyalty as kept" in traces
    assert "from staging.stg_loyalty as kept" in traces


def test_columns_that_hold_the_key_under_another_name_are_found_by_lineage() -> None:
    contracts = load_contracts(INCLUDE / "sources")
    tables = {
        "facts.fact_gift": {
            "gift_id": "varchar(64)",
            "giver": "varchar(64)",
            "giver_key": "bigint",
            "mixed": "varchar(64)",
        },
        "analytics.agg_gift": {"giver_name": "varchar(64)", "gifts": "bigint"},
        "history.other": {"customer_id": "varchar(64)"},
    }
    lineage = {
        "facts/fact_gift/merge.sql": {
            "outputs": {
                "facts.fact_gift": {
                    "gift_id": ["history.orders.order_id"],
                    "giver": ["history.orders.customer_id"],
                    "giver_key": ["history.orders.customer_id"],
                    "mixed": ["history.orders.customer_id", "history.orders.order_id"],
                }
            }
        },
        "analytics/refresh.sql": {"outputs": {"analytics.agg_gift": {"giver_name": ["facts.fact_gift.giver"]}}},
    }
    assert erasure_sql.key_columns(contracts, tables, lineage) == {
        "facts.fact_gift": ["giver"],
        "analytics.agg_gift": ["giver_name"],
        "history.other": ["customer_id"],
    }


def test_an_unusable_contract_generates_nothing(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (include / "sources" / "orders.yaml").write_text("kind: Nothing\n")
    assert codegen.main([], root=include.parent) == 1
    assert "orders.yaml:1:" in capsys.readouterr().err


def test_tables_and_copy_name_the_same_columns_in_the_same_order() -> None:
    contracts = load_contracts(INCLUDE / "sources")
    for name, contract in contracts.items():
        wanted = [column.name for column in contract.accepted_columns]
        staging, history = codegen.staging_table(contract), codegen.history_table(contract)
        for ddl, table in ((staging, f"staging.stg_{name}"), (history, f"history.{name}")):
            body = ddl.split(f"create table if not exists {table} (\n")[1].split("\n)")[0]
            assert [line.split()[0] for line in body.splitlines() if "primary key" not in line] == wanted
        copy = codegen.load_sql(name, contract.accepted_columns)
        assert re.search(r"copy [^(]+\(\n(.*?)\n\)", copy, re.DOTALL)[1].replace(",", "").split() == wanted


def test_ledger_columns_are_those_of_the_architecture() -> None:
    text = (INCLUDE.parent / "docs" / "architecture.md").read_text()
    for table, columns in (
        ("stg_ledger", codegen.LEDGER_COLUMNS),
        ("stg_check_result", codegen.CHECK_RESULT_COLUMNS),
    ):
        paragraph = re.search(rf"`staging\.{table}`: `(.*?)`", text, re.DOTALL)[1]
        names = re.findall(r"(\w+) (?:varchar|date|int|bigint|decimal|boolean)", paragraph)
        assert names == [column.name for column in columns]
