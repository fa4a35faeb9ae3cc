"""The published schema of quality reports: complete, strict, and what gate and page understand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ecommerce_dwh.quality.report import SCHEMA_VERSION, read_report
from tests.quality_reports import report

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "quality-report.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def problems(found: dict[str, Any]) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(found)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize("poisoned", [False, True])
@pytest.mark.parametrize("start", ["", "2026-01-20"])
def test_reports_of_the_tests_are_as_documented(poisoned: bool, start: str) -> None:
    found = report("2026-03-10", poisoned=poisoned, start=start)
    assert problems(found) == []
    assert read_report(json.dumps(found), found["run_id"], "2026-03-10") == found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("status",), "great"),
        (("start_date",), "10.03.2026"),
        (("tables",), []),
        (("tables", 0, "rows"), -1),
        (("tables", 0, "rules", 0, "passed"), "yes"),
        (("tables", 0, "rules", 0, "failed_ratio"), 1.5),
        (("tables", 0, "rules", 0, "dimension"), "beauty"),
        (("tables", 0, "rules", 0, "samples"), [str(n) for n in range(21)]),
        (("ledger", 0, "raw_rows"), 1.5),
        (("quarantine", 0, "samples"), []),
    ],
)
def test_what_is_not_as_documented_is_found(path: tuple[Any, ...], value: Any) -> None:
    found = copy.deepcopy(report("2026-03-10", poisoned=True))
    place: Any = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert len(problems(found)) == 1


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_no_part_may_be_missing(name: str) -> None:
    found = report("2026-03-10")
    del found[name]
    assert problems(found) == ["$"]
