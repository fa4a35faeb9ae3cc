"""The local endpoint answers the probes as the guide states, and as a cluster did whose answers are written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import Warehouse

from tools.conformance import ANSWERS, PROBES, Probe, ask, compare, differs

KNOWN: dict[str, Any] = json.loads(ANSWERS.read_text("utf-8")) if ANSWERS.is_file() else {}


def test_probes_have_names_of_their_own() -> None:
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_endpoint_answers_as_the_guide_states(warehouse: Warehouse, probe: Probe) -> None:
    answer = ask(warehouse.session, probe)
    assert not differs(probe, answer), answer
    if isinstance(answer, dict):
        assert answer["message"]
    assert KNOWN.get(probe.name, answer) == answer, "a cluster answered otherwise"


def test_other_answers_are_shown(warehouse: Warehouse) -> None:
    name = PROBES[0].name
    answers, lines = compare(warehouse.connect, {name: [["4", "-4"]]})
    assert set(answers) == {probe.name for probe in PROBES}
    assert lines == [f"{name}: {answers[name]}; the other one answers [['4', '-4']]"]


def test_an_answer_that_the_guide_does_not_state_is_found() -> None:
    stated = Probe("n", ("select 1",), "p", [["1"]])
    refused = Probe("n", ("select 1",), "p", "error")
    assert differs(stated, [["2"]])
    assert differs(stated, {"error": "42601"})
    assert differs(refused, [["1"]])
    assert not differs(stated, [["1"]])
    assert not differs(refused, {"error": "42601"})
