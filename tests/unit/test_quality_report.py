"""The gate's judgement: a truth table over reports."""

from __future__ import annotations

import json

import pytest

from ecommerce_dwh.quality.report import ReportNotReady, day_of_key, judge, read_report


def rule(name="key_unique", severity="error", passed=True, checked=100, failed=0, **more):
    return {
        "rule": name,
        "dimension": "uniqueness",
        "severity": severity,
        "description": "",
        "rows_checked": checked,
        "rows_failed": failed,
        "failed_ratio": failed / checked,
        "threshold": 0.0,
        "passed": passed,
        "message": "",
        "samples": [],
        **more,
    }


def report(*rules, status="passed", rows=100, **more):
    return {
        "schema_version": 1,
        "run_id": "run-1",
        "start_date": "2026-01-01",
        "end_date": "2026-01-01",
        "status": status,
        "tables": [{"source": "orders", "rows": rows, "rules": list(rules)}],
        **more,
    }


PASS = rule()
FAIL = rule("not_null", passed=False, failed=7)
WARN = rule("email", severity="warning", passed=False, failed=3)


@pytest.mark.parametrize(
    ("rules", "status", "options", "is_open"),
    [
        ([PASS], "passed", {}, True),
        ([], "passed", {}, True),
        ([PASS, WARN], "warned", {}, True),
        ([PASS, WARN], "warned", {"accept_warnings": False}, False),
        ([PASS, FAIL], "failed", {}, False),
        ([FAIL, WARN], "failed", {"accept_warnings": True}, False),
        ([FAIL], "passed", {}, False),  # the rules count, whatever the headline says
        ([PASS], "failed", {}, False),  # and a failed headline is never overruled
        ([rule(severity="catastrophe", passed=False, failed=1)], "failed", {}, False),
        ([PASS], "passed", {"min_rows": {"orders": 100}}, True),
        ([PASS], "passed", {"min_rows": {"orders": 101}}, False),
        ([PASS], "passed", {"min_rows": {"customers": 1}}, False),
        ([FAIL], "failed", {"max_failed_ratio": {"orders.not_null": 0.1}}, True),
        ([FAIL], "failed", {"max_failed_ratio": {"orders.not_null": 0.05}}, False),
        ([rule(failed=3)], "passed", {"max_failed_ratio": {"orders.key_unique": 0.01}}, False),
        ([PASS], "passed", {"max_failed_ratio": {"orders.gone": 0.1}}, False),
    ],
)
def test_truth_table(rules, status, options, is_open):
    verdict = judge(report(*rules, status=status), **options)

    assert verdict.is_open is is_open
    assert bool(verdict.text()) is not is_open


def test_the_words_name_rule_rows_and_threshold():
    verdict = judge(
        report(rule("not_null", passed=False, failed=7, message="order_date is empty"), status="failed")
    )

    assert verdict.text() == (
        "  - orders.not_null (uniqueness, error): 7 of 100 rows failed (7.00%, allowed 0.00%): "
        "order_date is empty"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not complete JSON"),
        (json.dumps(report(PASS)).encode()[:-20], "not complete JSON"),
        (b"\xff\xfe{}", "not complete JSON"),
        (b"[]", "not a JSON object"),
        (json.dumps({**report(), "schema_version": 2}), "schema version 2"),
        (json.dumps({**report(), "status": "great"}), "status is 'great'"),
        (json.dumps({k: v for k, v in report().items() if k != "tables"}), "it lacks tables"),
        (json.dumps({**report(), "run_id": "run-0"}), "belongs to run run-0, not to run-1"),
        (
            json.dumps({**report(), "start_date": "2025-12-31", "end_date": "2025-12-31"}),
            "is of '2025-12-31', not of 2026-01-01",
        ),
        (json.dumps({**report(), "tables": []}), "tables is a value of type list: .* at least 1 item"),
        (json.dumps({**report(), "tables": [{"source": "orders"}]}), "it lacks tables.0.rules"),
        (json.dumps(report({"rule": "key_unique"})), "it lacks tables.0.rules.0.passed"),
    ],
)
def test_a_report_that_is_not_whole_or_not_ours_is_not_judged(body, words):
    with pytest.raises(ReportNotReady, match=words):
        read_report(body, "run-1", "2026-01-01")


def test_the_day_is_that_of_the_folder():
    assert day_of_key("quality/dt=2026-01-01/run-1/report.json") == "2026-01-01"
    assert day_of_key("somewhere/report.json") == ""


def test_figures_are_said_once():
    found = rule(
        "not_null", passed=False, failed=7, message="7 of 100 rows (7.00%) break the rule", samples=["a"]
    )
    (failed,) = judge(report(found, status="failed")).failures

    assert str(failed) == "orders.not_null (uniqueness, error): 7 of 100 rows failed (7.00%, allowed 0.00%)"


def test_a_day_out_of_line_speaks_for_itself():
    odd = rule(
        "volume", passed=False, checked=1, failed=1, unit="days", message="9 rows on Monday 2026-01-05; …"
    )
    (failed,) = judge(report(odd, status="failed")).failures

    assert str(failed) == "orders.volume (uniqueness, error): 9 rows on Monday 2026-01-05; …"


def test_any_runs_report_is_read_when_none_is_expected():
    assert read_report(json.dumps(report()), None)["run_id"] == "run-1"
