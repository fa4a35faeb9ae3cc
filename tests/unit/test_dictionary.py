"""The data dictionary and the comments in the warehouse are what contracts, DDL and docs/metrics.md say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ecommerce_dwh.changes import declared
from tools.generate.dictionary import METRICS, PAGE, main

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the generator reads, in a folder that may be changed."""
    for name in ("include/sources", "include/sql"):
        shutil.copytree(REPO / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    for name in (METRICS, PAGE):
        shutil.copy(REPO / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_committed_files_are_what_the_definitions_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_changed_contract_changes_the_page(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        copy / "include/sources/customers.yaml", "description: Given name", "description: First of all names"
    )
    assert main(["--check"], root=copy) == 1
    assert "+| `first_name` | varchar(255) | **pii** | First of all names |" in capsys.readouterr().out
    assert main([], root=copy) == 0
    assert main(["--check"], root=copy) == 0
    page = (copy / PAGE).read_text("utf-8")
    assert page.count("First of all names") == 2, "in the source and in dim_customer"


def test_a_changed_metric_changes_page_and_comment(copy: Path) -> None:
    change(copy / METRICS, "| cohort_size | known customers", "| cohort_size | registered customers")
    assert main([], root=copy) == 0
    assert "| `cohort_size` | Registered customers" in (copy / PAGE).read_text("utf-8")
    facets = declared.read(copy / "include/sql").relations["analytics.customer_cohorts"].facets
    assert re.fullmatch(r"registered customers .*\(docs/metrics.md\)", facets["comment cohort_size"])


def test_a_column_without_description_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        copy / "include/sql/facts/fact_sales/table.sql",
        "    is_return boolean",
        "    novelty boolean,\n    is_return boolean",
    )
    assert main(["--check"], root=copy) == 1
    assert "facts/fact_sales: novelty must be in both table.sql and columns.yaml" in capsys.readouterr().err


def test_a_comment_on_nothing_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(copy / "include/sql/facts/fact_sales/table.sql", "    is_return boolean not null,\n", "")
    assert main(["--check"], root=copy) == 1
    assert "facts/fact_sales: is_return must be in both table.sql and columns.yaml" in capsys.readouterr().err


def test_a_metric_defined_twice_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(copy / METRICS, "| cohort_size |", "| cohort_size, revenue |")
    assert main(["--check"], root=copy) == 1
    assert "customer_cohorts.revenue twice" in capsys.readouterr().err
