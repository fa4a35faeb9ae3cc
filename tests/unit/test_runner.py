"""What tests/run.py says of times: every suite, and the slowest tests whichever suite they are of."""

from __future__ import annotations

from tests.run import SLOWEST, Outcome, Timing, times_page, timings

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
    outcomes = [Outcome("unit", True, 12.0, passed=100), Outcome("sql", False, 99.5, passed=9, failed=1)]
    tests = [Timing("sql", f"test_{number}[a|b]", float(number)) for number in range(100)]

    lines = times_page(outcomes, tests).splitlines()

    assert lines[2:4] == ["| sql | 99.5 | 9 | 1 | 0 |", "| unit | 12.0 | 100 | 0 | 0 |"]
    assert lines[7] == "| 99.0 | sql | `test_99[a/b]` |"
    assert len(lines) == 7 + SLOWEST
