"""Source contracts: the shipped ones are what the design says, and unusable ones are refused with file and line."""

# ruff: noqa: E501 - a case per line reads as a table

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecommerce_dwh.contracts import (
    ContractError,
    contracts_from_json,
    contracts_json,
    load_contract,
    load_contracts,
)
from ecommerce_dwh.settings import SOURCES

SOURCES_DIR = Path(__file__).resolve().parents[2] / "include" / "sources"


def test_the_five_sources_are_there() -> None:
    contracts = load_contracts(SOURCES_DIR)
    assert set(contracts) == set(SOURCES)
    assert {name: contract.key for name, contract in contracts.items()} == {
        "customers": "customer_id",
        "products": "product_id",
        "orders": "order_id",
        "order_items": "order_item_id",
        "web_events": "event_id",
    }
    assert [name for name, contract in contracts.items() if contract.delivery == "required"] == [
        "order_items",
        "orders",
    ]
    assert [name for name, contract in contracts.items() if contract.history == "scd2"] == [
        "customers",
        "products",
    ]


def test_accepted_columns_have_the_order_of_parquet_and_tables() -> None:
    columns = [column.name for column in load_contracts(SOURCES_DIR)["web_events"].accepted_columns]
    assert columns[0] == "delivery_date"
    assert columns[-6:] == [
        "is_session_derived",
        "version_at",
        "row_hash",
        "source_file",
        "source_line",
        "run_id",
    ]


def test_personal_data_is_tagged() -> None:
    tagged = {column.name for column in load_contracts(SOURCES_DIR)["customers"].columns if column.pii}
    assert {"first_name", "last_name", "email", "phone", "date_of_birth", "address"} <= tagged
    assert not {"customer_id", "city", "country", "customer_segment"} & tagged


def test_json_form_is_the_same_contract() -> None:
    contracts = load_contracts(SOURCES_DIR)
    assert contracts_from_json(contracts_json(contracts)) == contracts


def test_a_declared_date_format_is_read(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "customers",
        "physicalType: date\n",
        "physicalType: date\n        customProperties:\n          - {property: dateFormats, value: [M/d/yyyy]}\n",
    )
    assert load_contract(path).column("date_of_birth").formats == ("M/d/yyyy",)


def changed(folder: Path, source: str, old: str, new: str) -> Path:
    text = (SOURCES_DIR / f"{source}.yaml").read_text(encoding="utf-8")
    assert old in text
    path = folder / f"{source}.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


REFUSED = {
    "not yaml": ("orders", "kind: DataContract", "kind: [", "not valid YAML"),
    "not a contract": ("orders", "kind: DataContract", "kind: Dataset", "kind: DataContract"),
    "other name": ("orders", "name: orders", "name: order", "differs from the file's name"),
    "key twice in yaml": ("orders", "kind: DataContract", "kind: DataContract\nkind: DataContract", "'kind' is given twice"),
    "unknown type": ("orders", "physicalType: timestamp", "physicalType: datetime", "unknown physicalType 'datetime'"),
    "endless varchar": ("orders", "varchar(64)", "varchar(70000)", "varchar length is 1…65535 bytes"),
    "impossible decimal": ("orders", "decimal(18,4)", "decimal(4,18)", "impossible decimal"),
    "types disagree": ("orders", "logicalType: timestamp", "logicalType: string", "does not fit timestamp"),
    "no key": ("orders", "        primaryKey: true\n", "", "exactly one column must be primaryKey, found 0"),
    "duplicate column": ("orders", "- name: customer_id", "- name: order_id", "column 'order_id' is given twice"),
    "reserved column": ("orders", "- name: customer_id", "- name: run_id", "column 'run_id' is reserved"),
    "upper case column": ("orders", "- name: customer_id", "- name: CustomerId", "must be a lower-case identifier"),
    "unknown load kind": ("orders", "value: changes", "value: sometimes", "loadKind is 'sometimes'"),
    "unknown property": ("orders", "property: loadKind", "property: loadkind", "unknown customProperties: loadkind"),
    "rule on missing column": ("orders", "column: currency", "column: curency", "names column 'curency'"),
    "expression on missing column": ("orders", "shipped_date >= order_date", "shipped_date >= orderdate", "'orderdate' in the expression is no column"),
    "broken expression": ("orders", "shipped_date >= order_date", "shipped_date >= (order_date", "not one balanced SQL condition"),
    "impossible threshold": ("orders", "threshold: 0.05", "threshold: 5", "threshold 5 is impossible"),
    "threshold in words": ("orders", "threshold: 0.05", "threshold: few", "threshold 'few' is impossible"),
    "unknown rule kind": ("orders", "kind: not_null", "kind: not_nul", "kind 'not_nul' is not one of"),
    "rule lacks an argument": ("customers", "pattern: '^", "patern: '^", "lacks pattern"),
    "pattern cannot be compiled": ("customers", "'^[^@", "'^([^@", "pattern cannot be compiled"),
    "range upside down": ("products", "minimum: 0\n", "minimum: 0\n          maximum: -1\n", "minimum 0 is above maximum -1"),
    "unknown severity": ("orders", "severity: error", "severity: fatal", "severity 'fatal'"),
    "two rules of one name": ("orders", "name: currency_known", "name: status_known", "two rules are named 'status_known'"),
    "foreign engine": ("orders", "engine: ecommerce-dwh", "engine: soda", "engine: ecommerce-dwh"),
    "amount is no number": ("order_items", "column: line_total", "column: order_id", "is not a numeric column"),
    "sessions on missing column": ("web_events", "timeColumn: event_timestamp", "timeColumn: at", "names column 'at'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_an_unusable_contract_is_refused_with_file_and_line(tmp_path: Path, case: str) -> None:
    source, old, new, what = REFUSED[case]
    with pytest.raises(ContractError) as caught:
        load_contract(changed(tmp_path, source, old, new))
    assert what in str(caught.value)
    assert re.match(rf"{source}\.yaml:\d+: ", str(caught.value))


def test_the_line_is_the_right_one(tmp_path: Path) -> None:
    path = changed(tmp_path, "orders", "threshold: 0.05", "threshold: 7")
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    line = int(str(caught.value).split(":")[1])
    assert "threshold: 7" in "\n".join(lines[line - 1 : line + 3])


@pytest.mark.parametrize(
    "formats", [["d/M"], ["YYYY-MM-dd"], ["M/d/yyyy", "d/M/yyyy"], ["MM/dd/yyyy", "d/M/yyyy"]]
)
def test_date_formats_that_would_be_a_guess_are_refused(tmp_path: Path, formats: list[str]) -> None:
    new = f"physicalType: date\n        customProperties:\n          - {{property: dateFormats, value: {formats}}}\n"
    path = changed(tmp_path, "customers", "physicalType: date\n", new)
    with pytest.raises(ContractError, match="date format"):
        load_contract(path)


def test_a_reference_to_nowhere_is_refused(tmp_path: Path) -> None:
    for path in SOURCES_DIR.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    changed(tmp_path, "order_items", "to_column: order_id", "to_column: id")
    with pytest.raises(ContractError, match=r"orders\.id, which no contract has"):
        load_contracts(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contract"):
        load_contracts(tmp_path)
