"""Rules against history, as arithmetic: what is usual, what is out of line, and when nothing can be said."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import Any

import pytest
from storage import FolderStorage

from ecommerce_dwh.contracts import HISTORY_DEFAULTS, HISTORY_METRICS, Rule
from ecommerce_dwh_glue.quality.figures_store import load, save
from ecommerce_dwh_glue.rules.history import Finding, judge

TODAY = dt.date(2026, 3, 9)  # a Monday


def rule(metric: str = "rows", column: str = "", **arguments: Any) -> Rule:
    how = {**HISTORY_DEFAULTS, **HISTORY_METRICS[metric], "metric": metric, **arguments}
    return Rule("r", "volume", "warning", "history", (column,) if column else (), how)


def days_before(day: dt.date, count: int = 28) -> list[dt.date]:
    return [day - dt.timedelta(days=back) for back in range(count, 0, -1)]


def shop(day: dt.date, dice: random.Random | None = None) -> float:
    """Rows of a shop that sells a third on Sundays and nothing on Saturdays."""
    usual = {5: 0.0, 6: 400.0}.get(day.weekday(), 1200.0)
    return float(round(usual * (dice.lognormvariate(0, 0.1) if dice else 1 + day.day % 5 / 100)))


def past(day: dt.date = TODAY, count: int = 28) -> dict[str, float | None]:
    return {each.isoformat(): shop(each) for each in days_before(day, count)}


def found(value: float | None, history: dict[str, float | None], day: dt.date = TODAY, **how: Any) -> Finding:
    return judge(rule(**how), day.isoformat(), value, history)


def test_a_usual_day_is_in_line_and_a_tenth_of_it_is_not() -> None:
    assert found(1230, past()).judged
    assert not found(1230, past()).deviates
    odd = found(120, past())
    assert odd.deviates
    assert odd.z is not None
    assert odd.z < -5
    assert odd.text.startswith("120 rows on Monday 2026-03-09; a Monday usually has ")
    assert "robust z" in odd.text


@pytest.mark.parametrize(("rows", "deviates"), [(420, False), (1200, True), (40, True)])
def test_a_sunday_is_compared_with_sundays(rows: float, deviates: bool) -> None:
    sunday = dt.date(2026, 3, 8)
    assert found(rows, past(sunday), sunday).deviates is deviates


def test_a_saturday_without_sales_is_usual_where_saturdays_are() -> None:
    saturday = dt.date(2026, 3, 7)
    assert not found(0, past(saturday), saturday).deviates
    opened = found(900, past(saturday), saturday)
    assert (opened.judged, opened.text) == (False, "not judged: Saturdays usually have nothing")
    assert found(0, past()).deviates


def test_without_weekdays_all_days_are_alike() -> None:
    sunday = dt.date(2026, 3, 8)
    history = {day: 1000.0 + int(day[-2:]) for day in past(sunday)}
    assert found(400, history, sunday, weekday=False).deviates
    assert found(400, history, sunday, weekday=False).text.count("a day usually has") == 1


def test_a_few_odd_days_do_not_move_what_is_usual() -> None:
    history = past()
    for day in ("2026-02-16", "2026-02-26", "2026-03-05"):
        history[day] = 90_000.0
    assert not found(1230, history).deviates
    assert found(120, history).deviates
    assert found(90_000, history).deviates


def test_after_two_closed_mondays_open_and_closed_ones_are_usual() -> None:
    history = past() | {"2026-02-23": 0.0, "2026-03-02": 0.0}
    assert not found(1230, history).deviates
    assert not found(0, history).deviates
    assert found(9000, history).deviates


def test_only_the_trailing_days_before_the_day_count() -> None:
    history = past()
    answer = found(1230, history)
    history |= {
        (TODAY + dt.timedelta(days=n)).isoformat(): 7.0 for n in range(400)
    }  # the day itself and later ones
    history |= {day.isoformat(): 7.0 for day in days_before(TODAY - dt.timedelta(days=28), 400)}
    assert found(1230, history) == answer


@pytest.mark.parametrize("count", [0, 1, 13])
def test_too_little_history_is_not_judged_and_says_so(count: int) -> None:
    finding = found(5, past(count=count))
    assert not finding.judged
    assert not finding.deviates
    assert finding.text == (f"not judged: {count} of the 28 days before 2026-03-09 have figures, 14 are needed")


def test_two_mondays_are_not_enough_for_a_monday() -> None:
    finding = found(5, past(count=15))
    assert not finding.judged
    assert "2 Mondays among the 28 days before" in finding.text
    assert found(5, past(count=21)).judged


def test_days_without_a_figure_are_no_history() -> None:
    history: dict[str, float | None] = dict.fromkeys(past(), None)
    assert not found(5, history, metric="mean", column="price").judged
    assert not found(None, past(), metric="mean", column="price").judged


def test_where_every_day_was_the_same_the_tolerance_decides() -> None:
    history: dict[str, float | None] = dict.fromkeys(past(), 1000.0)
    assert not found(1190, history, tolerance=0.2).deviates
    assert found(1210, history, tolerance=0.2).deviates
    assert found(1210, history, tolerance=0.2).z is None


def test_means_and_empty_shares() -> None:
    prices: dict[str, float | None] = {day: 50 + int(day[-2:]) % 3 for day in past()}
    assert not found(52, prices, metric="mean", column="price").deviates
    assert found(5200, prices, metric="mean", column="price").text.startswith("mean of price 5,200 on Monday")
    empty: dict[str, float | None] = dict.fromkeys(past(), 0.01)
    assert not found(0.02, empty, metric="null_ratio", column="email").deviates
    finding = found(0.4, empty, metric="null_ratio", column="email")
    assert finding.text.startswith("email empty in 40.0% of rows on Monday")
    assert finding.low == 0
    refunds: dict[str, float | None] = {day: -200.0 - int(day[-2:]) for day in past()}
    assert not found(-215, refunds, metric="sum", column="amount").deviates
    assert found(215, refunds, metric="sum", column="amount").deviates


def test_false_alarms_are_rare_and_half_deliveries_are_seen() -> None:
    """Two years of a noisy shop that grows: what the defaults cost and what they catch."""
    dice = random.Random(7)
    first = dt.date(2024, 1, 1)
    days = [first + dt.timedelta(days=n) for n in range(730)]
    figures: dict[str, float | None] = {
        day.isoformat(): round(shop(day, dice) * 1.001 ** (day - first).days) for day in days
    }
    judged = [day for day in days if found(figures[day.isoformat()], figures, day).judged]
    alarms = [day for day in judged if found(figures[day.isoformat()], figures, day).deviates]
    assert judged == [day for day in days[21:] if day.weekday() != 5], "Saturdays usually have nothing"
    assert len(alarms) <= 3
    tenth = [found((figures[day.isoformat()] or 0) / 10, figures, day).deviates for day in judged]
    assert sum(tenth) / len(tenth) > 0.99


def test_figures_are_kept_by_day_and_only_earlier_ones_are_read(tmp_path: Any, capsys: Any) -> None:
    storage = FolderStorage(tmp_path)
    figures: dict[str, Any] = {
        f"2026-01-{day:02}": {"orders": {"rows": float(day), "mean:total": None}} for day in range(1, 21)
    }
    save(storage, "b", "run-1", figures)
    found = load(storage, "b", "2026-01-15", 10)
    assert sorted(found) == [f"2026-01-{day:02}" for day in range(5, 15)]
    assert found["2026-01-07"] == {"orders": {"rows": 7.0, "mean:total": None}}
    storage.write("b", "quality/history/v1/2026-01-08.json", b'{"schema_ver', "")
    assert "2026-01-08" not in load(storage, "b", "2026-01-15", 10)
    assert "2026-01-08.json is left out of the history" in capsys.readouterr().out


def test_a_finding_is_plain_json() -> None:
    plain = found(120, past()).as_plain()
    assert set(plain) == {"day", "value", "median", "low", "high", "z", "days"}
    assert all(not isinstance(value, float) or math.isfinite(value) for value in plain.values())
