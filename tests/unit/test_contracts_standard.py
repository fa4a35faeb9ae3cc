"""The source contracts are contracts of the Open Data Contract Standard, and not only files that look alike.

Judged by the standard's own JSON schema and its maintained Python model, which must give back all that was written:
what the model does not know would be lost to every other tool that reads the contracts.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from ecommerce_dwh.contracts import SourceContract, load_contract

SOURCES_DIR = Path(__file__).resolve().parents[2] / "include" / "sources"
CONTRACTS = sorted(SOURCES_DIR.glob("*.yaml"))
SCHEMA = json.loads((files("open_data_contract_standard") / "schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def written(path: Path) -> dict[str, Any]:
    """The file as JSON has it: dates as text."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))  # type: ignore[no-any-return]


def test_there_are_contracts_and_a_schema_of_their_version() -> None:
    assert len(CONTRACTS) >= 5
    versions = SCHEMA["properties"]["apiVersion"]["enum"]
    assert {written(path)["apiVersion"] for path in CONTRACTS} <= {v for v in versions if v.startswith("v3.")}


def test_the_schema_of_the_product_is_that_of_the_standards_package() -> None:
    packed = SOURCES_DIR.parents[1] / "plugins" / "ecommerce_dwh" / "contracts" / "odcs.schema.json"
    assert packed.read_bytes() == (files("open_data_contract_standard") / "schema.json").read_bytes()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_contract_fulfils_the_official_schema(path: Path) -> None:
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(written(path))] == []


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_the_model_of_the_standard_reads_all_that_is_written(path: Path) -> None:
    model = OpenDataContractStandard.from_file(str(path))
    assert model.model_dump(by_alias=True, exclude_none=True, mode="json") == written(path)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_product_and_standard_read_the_same_columns(path: Path) -> None:
    contract: SourceContract = load_contract(path)
    table = (OpenDataContractStandard.from_file(str(path)).schema_ or [])[0]
    properties = table.properties or []
    assert [(p.name, p.physicalType, bool(p.required)) for p in properties] == [
        (column.name, column.type, column.required) for column in contract.columns
    ]
    assert [p.name for p in properties if p.primaryKey] == [contract.key]
    assert {p.name for p in properties if "pii" in (p.tags or [])} == {
        c.name for c in contract.columns if c.pii
    }
    written_rules = [rule.name for rule in table.quality or []]
    assert written_rules == [rule.name for rule in contract.rules][: len(written_rules)]


@pytest.mark.parametrize(
    ("place", "value"),
    [(("kind",), "Contract"), (("apiVersion",), "v9"), (("schema", 0, "properties", 0, "logicalType"), "text")],
)
def test_the_schema_refuses_what_is_no_contract(place: tuple[str | int, ...], value: str) -> None:
    contract = written(CONTRACTS[0])
    node: Any = contract
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    assert not VALIDATOR.is_valid(contract)
