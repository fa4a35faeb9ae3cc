"""Contracts and Spark know the same kinds of rules, each in a module of its own."""

from __future__ import annotations

from pathlib import Path

from ecommerce_dwh.rules import KINDS as CONTRACT_KINDS
from ecommerce_dwh_glue import rules
from ecommerce_dwh_glue.rules.table import KINDS

COMMON = {"__init__", "counted", "kinds", "table"}


def test_contracts_and_spark_know_the_same_kinds() -> None:
    assert set(KINDS) == set(CONTRACT_KINDS)


def test_every_kind_has_a_module_of_its_name() -> None:
    folder = Path(str(rules.__file__)).parent
    assert {path.stem for path in folder.glob("*.py")} - COMMON == set(KINDS)
