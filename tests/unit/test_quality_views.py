"""What the pages show: states, ranges of days, search, masking, charts."""

from __future__ import annotations

import json

import pytest

from ecommerce_dwh.quality.page import charts, day_page, views
from ecommerce_dwh.quality.page.index import Month
from ecommerce_dwh.quality.page.masking import mask
from ecommerce_dwh.quality.page.store import Snapshot
from tests.quality_reports import SCRIPT, SOURCES, report


def snapshot_of(*reports):
    months: dict[str, Month] = {}
    for found in reports:
        day = found["end_date"]
        month = months.setdefault(day[:7], Month(day[:7]))
        month.apply(day, "e", json.dumps(found).encode())
    names = tuple(sorted(months))
    return Snapshot(tuple(months[name] for name in names), names)


def cells(snapshot, name, source):
    (block,) = views.month_blocks(snapshot, [name], SOURCES, "2026-03-20")
    return dict(block.rows)[source]


def test_a_poisoned_table_shows_in_its_row_and_in_the_sum():
    snapshot = snapshot_of(report("2026-03-10", poisoned=True))

    assert cells(snapshot, "2026-03", "orders")[9].state == "failed"
    assert cells(snapshot, "2026-03", "All tables")[9].state == "failed"
    assert cells(snapshot, "2026-03", "All tables")[8].state == "none"
    assert "1 failed, 1 warned" in cells(snapshot, "2026-03", "orders")[9].title


def test_days_to_come_are_empty_and_past_days_without_report_are_not():
    row = cells(snapshot_of(report("2026-03-10")), "2026-03", "orders")

    assert row[14].title == "2026-03-15, orders: no report"
    assert row[25].title == ""


def test_the_sum_is_never_milder_than_the_reports_headline():
    odd = {**report("2026-03-10"), "status": "failed"}

    assert cells(snapshot_of(odd), "2026-03", "All tables")[9].state == "failed"


def test_a_report_of_several_days_speaks_for_each_of_them_across_months():
    snapshot = snapshot_of(report("2026-03-02", start="2026-02-26"))
    cell = cells(snapshot, "2026-02", "orders")[26]

    assert (cell.is_range, cell.link) == (True, "day/2026-03-02?focus=2026-02-27#orders")
    assert "one report for 2026-02-26 to 2026-03-02" in cell.title
    assert cells(snapshot, "2026-02", "orders")[24].state == "none"


def test_of_two_reports_for_a_day_the_newest_written_counts():
    early = {**report("2026-03-01", poisoned=True), "generated_at": "2026-03-02T02:00:00Z"}
    later = {**report("2026-03-05", start="2026-03-01"), "generated_at": "2026-03-06T02:00:00Z"}

    assert cells(snapshot_of(early, later), "2026-03", "orders")[0].state in ("passed", "warned")
    later["generated_at"] = "2026-03-01T12:00:00Z"
    assert cells(snapshot_of(early, later), "2026-03", "orders")[0].state == "failed"


def test_failing_rules_come_first_and_search_needs_every_word():
    snapshot = snapshot_of(report("2026-03-10", poisoned=True))
    names = ["2026-03"]

    lines, _, count = views.rule_lines(snapshot, names)
    assert lines[0].rule == "filled_00"
    assert count == len(SOURCES) * 9
    found, _, _ = views.rule_lines(snapshot, names, query="ORDERS complete", show="all")
    assert {(line.source, line.dimension) for line in found} == {
        ("orders", "completeness"),
        ("order_items", "completeness"),
    } - {("order_items", "completeness")}
    assert views.rule_lines(snapshot, names, query="nothing like it", show="all")[0] == []


def test_the_ledger_is_the_newest_reports_and_says_when_it_does_not_add_up():
    broken = report("2026-03-10")
    broken["ledger"][0]["raw_rows"] += 1

    lines = views.ledger_lines(snapshot_of(broken), ["2026-03"])

    assert [line.balances for line in lines].count(False) == 1
    assert len(views.ledger_lines(snapshot_of(broken), ["2026-03"], "orders")) == 1
    assert views.ledger_lines(snapshot_of(broken), ["2026-02"]) == []


def test_personal_data_is_masked_wherever_it_stands():
    view = day_page.day_view(report("2026-03-10", poisoned=True), {"customers": {"email"}})
    text = repr(view)

    assert "asha.rao" not in text
    assert "98765" not in text
    assert "•••" in view.quarantine[1].samples[0][2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to a.b+c@shop.example.com!", "write to •••!"),
        ("call +91 98765 43210 or (022) 2778 1234", "call ••• or •••"),
        ("order 10000000001 of 2026-03-10", "order 10000000001 of 2026-03-10"),
        ("9b1d-4e2f-1234-5678 stays", "9b1d-4e2f-1234-5678 stays"),
        ("406-1234567 of 3,000 rows", "406-1234567 of 3,000 rows"),
    ],
)
def test_masking_hides_people_and_keeps_keys(text, shown):
    assert mask(text) == shown


def test_quoted_values_of_personal_columns_are_hidden():
    assert mask("first_name 'Asha' is too long", is_personal=True) == "first_name ••• is too long"


@pytest.mark.parametrize(
    "change",
    [
        {"tables": [{}]},
        {"quarantine": [{}]},
        {"ledger": [{}]},
        {"drift": [{}]},
        {"not_loaded": [{}]},
        {"tables": [3]},
    ],
)
def test_a_malformed_report_is_told_and_not_shown(change):
    snapshot = snapshot_of({**report("2026-03-10"), **change})

    ((day, reason),) = views.unreadable(snapshot, ["2026-03"])
    assert day == "2026-03-10"
    assert "not as documented" in reason
    assert cells(snapshot, "2026-03", "All tables")[9].state == "unreadable"


def test_of_a_huge_report_the_page_shows_what_failed_and_counts_the_rest():
    found = report("2026-03-10", rules=900, poisoned=True)
    found["ledger"] *= 1000

    view = day_page.day_view(found, {})

    assert sum(len(table.rules) for table in view.tables) == day_page.MOST_RULES
    assert sum(table.hidden for table in view.tables) == 5 * 901 - day_page.MOST_RULES
    failed = [rule for table in found["tables"] for rule in table["rules"] if not rule["passed"]]
    assert len(view.broken) == len(failed)
    assert (len(view.ledger), view.hidden["ledger"]) == (day_page.MOST_LINES, 3000)


def test_objects_that_were_not_loaded_are_named_and_the_rest_is_counted():
    found = report("2026-03-10")
    state = day_page.day_view(found, {}).state
    found["not_loaded"] = [
        {
            "key": f"orders/dt=2026-03-10/sub/asha.rao@example.com-{place}.csv",
            "size": 9,
            "reason": "lies in a sub-folder",
        }
        for place in range(60)
    ]
    found["not_loaded_count"] = 5000

    view = day_page.day_view(found, {})

    assert view.state == state, "the verdict does not depend on them"
    assert len(view.not_loaded) == day_page.MOST_GROUPS
    assert view.hidden["not_loaded"] == 5000 - day_page.MOST_GROUPS
    key, size, reason = view.not_loaded[0]
    assert (size, reason) == ("9", "lies in a sub-folder")
    assert key.startswith("orders/dt=2026-03-10/sub/")
    assert "asha.rao" not in repr(view)


def test_a_report_of_earlier_code_names_no_object_that_was_not_loaded():
    found = report("2026-03-10")
    del found["not_loaded"], found["not_loaded_count"]

    view = day_page.day_view(found, {})

    assert (view.not_loaded, view.hidden["not_loaded"]) == ((), 0)


def test_a_report_that_reaches_back_for_centuries_is_looked_at_for_the_span_only():
    snapshot = snapshot_of(report("2026-03-10") | {"start_date": "1970-01-01"})

    days = views.Coverage.of(snapshot, ["2026-02", "2026-03"]).by_day
    assert (min(days), max(days)) == ("2026-02-01", "2026-03-10")


@pytest.mark.parametrize("value", [0.0, 5e-324, -5e-324, 1e18, -1e18, 0.1])
def test_a_chart_is_drawn_of_any_figure_that_a_report_may_hold(value):
    points = [charts.Point("2026-03-01", "passed", 1, 0, value, value, value)]

    assert charts.measured(points, "label").count("<circle") == 1
    assert charts.number(value)


def test_charts_escape_what_they_show():
    points = [charts.Point("2026-03-01", "failed", 10, 3), charts.Point(SCRIPT, "passed", 10, 0)]

    for svg in (charts.trend(points, 0.1, SCRIPT), charts.sparkline(points, SCRIPT)):
        assert "<script" not in svg
        assert "<img" not in svg
        assert svg.count("<rect") + svg.count("<path") == 2
        assert "style=" not in svg


@pytest.mark.parametrize(
    "points", [[], [charts.Point("2026-03-01", "none")], [charts.Point("a", "passed", 0, 0)]]
)
def test_charts_of_nothing_are_charts(points):
    assert charts.trend(points, 0.0, "x").startswith("<svg")
    assert charts.sparkline(points, "x").startswith("<svg")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0123456, "1.23 %"),
        (0.34, "34 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_never_rounded_to_nothing_or_all(share, words):
    assert charts.percent(share) == words


def test_rules_against_history_show_what_was_measured_or_why_not():
    snapshot = snapshot_of(report("2026-01-12"), report("2026-03-09"), report("2026-03-10", poisoned=True))
    points = views.rule_points(snapshot, "order_items", "rows_as_usual", ["2026-01", "2026-02", "2026-03"])
    said = {point.day: point for point in points if point.state != "none"}

    assert [point.state for point in said.values()] == ["unjudged", "passed", "warned"]
    assert (said["2026-03-10"].value, said["2026-03-10"].low, said["2026-03-10"].high) == (112, 760, 1740)
    assert said["2026-01-12"].low is None
    drawn = charts.measured(points, "a label")
    assert drawn.count("<circle") == 3
    assert drawn.count('class="usual"') == 2
    (line,) = views.rule_lines(snapshot, ["2026-01", "2026-03"], query="order_items volume")[0]
    assert (line.days_failed, line.days_seen) == (1, 2)


def test_a_day_shows_measures_and_rules_without_enough_history():
    odd = day_page.day_view(report("2026-03-10", poisoned=True), {})
    (rule,) = [rule for rule in odd.broken if rule.rule == "rows_as_usual"]
    assert dict(rule.measured) == {
        "Measured on 2026-03-10": "112",
        "Usual": "760 to 1,740",
        "Median": "1,150",
        "Robust z": "-16.4",
        "Days of history": "28",
    }

    young = day_page.day_view(report("2026-01-12"), {})
    states = {rule.state for table in young.tables for rule in table.rules if rule.rule == "rows_as_usual"}
    assert states == {"unjudged"}
    assert all(rule.rule != "rows_as_usual" for rule in young.broken)


def test_measures_survive_the_index():
    month = snapshot_of(report("2026-03-10", poisoned=True)).months[0]
    again = Month.load("2026-03", month.dump())
    assert again.rules == month.rules
    again.forget("2026-03-10")
    assert again.rules["order_items", "rows_as_usual"].measures == {}
