"""The shop's generated data and the product: columns, values, the documented table, the command of the stack."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ecommerce_dwh.contracts import load_contracts
from local.config import REPO
from local.data import SURROUNDINGS
from shop_data.dirt import KINDS
from shop_data.generate import Plan, day_range, generate
from shop_data.load import LoadedRange
from shop_data.schema import SOURCES
from shop_import import tables
from shop_import.shops import SHOPIFY, WOOCOMMERCE

CONTRACTS = load_contracts(REPO / "include" / "sources")


@pytest.fixture(scope="module")
def clean_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of a clean shop: long enough for returns."""
    folder = tmp_path_factory.mktemp("clean") / "raw"
    plan = Plan(day_range("2026-01-01:2026-01-20"), lines_per_day=2_000, dirt="none", file_format="csv")
    generate(plan, str(folder))
    return folder


def read(folder: Path, source: str) -> list[dict[str, str]]:
    """All rows of a source."""
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob(f"{source}/dt=*/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return rows


def test_columns_of_imported_exports_are_those_of_the_contracts() -> None:
    for name, columns in tables.COLUMNS.items():
        contract = CONTRACTS[name]
        assert list(columns) == [column.name for column in contract.columns]
        assert set(tables.REQUIRED[name]) == {column.name for column in contract.columns if column.required}
    assert set(SHOPIFY.statuses.values()) | set(WOOCOMMERCE.statuses.values()) <= known_statuses()


def known_statuses() -> set[str]:
    """The order statuses that the contract accepts without a warning."""
    (rule,) = [rule for rule in CONTRACTS["orders"].rules if rule.name == "status_known"]
    return set(rule.arguments["values"])


def test_columns_are_those_of_the_contracts() -> None:
    kinds = {
        "varchar": "text",
        "integer": "integer",
        "bigint": "integer",
        "decimal": "money",
    }
    for name, source in SOURCES.items():
        contract = CONTRACTS[name]
        assert contract.key == source.key
        assert {
            column.name: kinds.get(column.base_type, column.base_type) for column in contract.columns
        } == source.columns
        assert list(source.columns) == [column.name for column in contract.columns]
        assert {column.name for column in contract.columns if column.required} == source.required
        assert (contract.history == "scd2") == source.history
        assert (contract.delivery == "required") == source.must_arrive


def test_clean_statuses_and_events_are_known_to_the_contracts(clean_shop: Path) -> None:
    checked = 0
    for source, contract in CONTRACTS.items():
        for rule in contract.rules:
            if rule.kind == "accepted_values":
                delivered = {row[rule.column] for row in read(clean_shop, source)} - {""}
                assert delivered <= set(rule.arguments["values"]), rule.name
                checked += 1
    assert checked >= 3


def test_the_documented_table_is_the_real_one() -> None:
    text = (REPO / "docs" / "local-data.md").read_text(encoding="utf-8")
    for kind in KINDS:
        row = f"| {kind.source} | {kind.name} | {kind.rate:.2%} | {kind.outcome} | {kind.rule} |"
        assert row in text, f"docs/local-data.md lacks: {row}"


def test_the_stacks_command_says_how_the_bucket_comes_into_being(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "local.data", "generate", "--days", "2026-01-01"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_says_which_run_loads_the_landed_days() -> None:
    assert SURROUNDINGS.next_step is not None
    said = SURROUNDINGS.next_step(LoadedRange(date(2020, 1, 1), date(2020, 1, 2), "s3://raw"))
    assert "ecommerce_dwh_daily with start_date=2020-01-01 and end_date=2020-01-02" in said
