"""What tests/run.py says of times: every suite, and the slowest tests whichever suite they are of."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.run import (
    EXTRA_SUITES,
    SLOWEST,
    SUITES,
    Outcome,
    Piece,
    Timing,
    _verdict,
    in_order,
    run_pieces,
    times_page,
    timings,
)

REPORT = """<?xml version="1.0"?><testsuites><testsuite tests="3" failures="1" errors="0" skipped="0" time="4.5">
<testcase classname="tests.unit.test_a" name="test_one[a|b]" time="3.25"/>
<testcase classname="tests.unit.test_a" name="test_two" time="0.5"><failure message="no">no</failure></testcase>
<testcase classname="tests.unit.test_b" name="test_three"/>
</testsuite></testsuites>"""


def test_every_test_of_a_report_has_its_time(tmp_path):
    report = tmp_path / "unit.xml"
    report.write_text(REPORT)

    assert [(found.test, found.seconds) for found in timings("unit", report)] == [
        ("tests.unit.test_a::test_one[a|b]", 3.25),
        ("tests.unit.test_a::test_two", 0.5),
        ("tests.unit.test_b::test_three", 0.0),
    ]
    report.write_text(REPORT[:-30])
    assert timings("unit", report) == []
    assert timings("unit", tmp_path / "nothing.xml") == []


def test_suites_and_tests_come_longest_first_and_are_so_many_at_most():
    outcomes = [
        Outcome("ruff", True, 1.0),
        Outcome("unit", True, 12.0, passed=100, budget=30, cpu=20.25),
        Outcome("sql", False, 99.5, passed=9, failed=1, budget=90),
    ]
    tests = [Timing("sql", f"test_{number}[a|b]", float(number)) for number in range(100)]

    lines = times_page(outcomes, tests).splitlines()

    assert lines[2:5] == [
        "| sql | 99.5 | 0.0 | 90 over | 9 | 1 | 0 |",
        "| unit | 12.0 | 20.2 | 30 | 100 | 0 | 0 |",
        "| ruff | 1.0 | 0.0 |  | 0 | 0 | 0 |",
    ]
    assert lines[8] == "| 99.0 | sql | `test_99[a/b]` |"
    assert len(lines) == 8 + SLOWEST


def test_a_suite_over_its_budget_is_marked_and_the_verdict_is_that_of_its_tests(capsys):
    slow = Outcome("sql", True, 99.5, passed=9, budget=90)

    assert _verdict([slow], 99.5) == 0

    assert "longer than its budget" in capsys.readouterr().out
    assert _verdict([replace(slow, ok=False, failed=1, budget=900)], 99.5) == 1
    assert "budget" not in capsys.readouterr().out.partition("sql")[2]


def test_suites_start_longest_first_and_each_has_a_budget():
    started = in_order([*SUITES, *EXTRA_SUITES])

    assert [suite.budget for suite in started] == sorted((suite.budget for suite in started), reverse=True)
    assert [suite.name for suite in started if suite.budget <= 0] == []
    assert len(started) == len(SUITES) + len(EXTRA_SUITES)


def test_a_piece_that_needs_the_connector_lets_shorter_ones_go_first_until_it_is_there():
    connector, ran = threading.Event(), []

    def piece(name: str, budget: int, *, waits: bool = False, first: bool = False) -> Piece:
        def run() -> Outcome:
            ran.append(name)
            if name == "medium":
                connector.set()
            return Outcome(name, True, 1.0)

        return Piece(budget, run, waits, first)

    pieces = [
        piece("short", 10),
        piece("long, with Spark", 900, waits=True),
        piece("medium", 500),
        piece("typo", 5, first=True),
        piece("short, with Spark", 20, waits=True),
    ]

    outcomes = run_pieces(pieces, 1, connector)

    assert ran == ["typo", "medium", "long, with Spark", "short, with Spark", "short"]
    assert [outcome.name for outcome in outcomes] == ran


def test_lanes_that_have_only_waiting_pieces_wait_for_the_connector_and_then_run_them_all():
    connector = threading.Event()
    pieces = [
        Piece(number, lambda number=number: Outcome(str(number), True, 0.0), waits=True) for number in range(5)
    ]
    threading.Timer(0.2, connector.set).start()

    assert sorted(outcome.name for outcome in run_pieces(pieces, 2, connector)) == list("01234")


def test_an_error_in_a_piece_is_not_lost():
    def broken() -> Outcome:
        raise OSError("no such program")

    done = threading.Event()
    done.set()
    try:
        run_pieces([Piece(1, broken), Piece(2, lambda: Outcome("a", True, 0.0))], 2, done)
    except OSError as error:
        assert str(error) == "no such program"
    else:
        raise AssertionError("the error was lost")
