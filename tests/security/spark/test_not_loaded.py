"""Objects that processing does not load are named by its log, its summary and the quality report, whatever their names.

The verdict does not depend on them. Names are masked and of one line, and a name that is markup stays a text.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hostile import ITEM, ITEMS
from lake_for_tests import Lake

DAY = "2026-03-01"
SCRIPT = "<img src=x onerror=alert(1)>"
# Keys of the day in a wrong place, and the form in which the report shows them.
UNFIT = {
    f"order_items/dt={DAY}/sub/{SCRIPT}.csv": f"order_items/dt={DAY}/sub/{SCRIPT}.csv",
    f"order_items/dt={DAY}/sub/a\nb\u202e.csv": f"order_items/dt={DAY}/sub/a\\nb\\u202e.csv",
    f"order_items/dt={DAY}/sub/'\"&amp;.csv": f"order_items/dt={DAY}/sub/'\"&amp;.csv",
    f"order_items/dt={DAY} copy/part.csv": f"order_items/dt={DAY} copy/part.csv",
}
PERSONAL = f"order_items/dt={DAY}/sub/zubeida.khan@shop.example.csv"


# Keys beside the folders of days, and the form in which the log shows them.
STRAYS = {
    "order_items/part.csv": "order_items/part.csv",
    f"order_items/{SCRIPT}\nx.csv": f"order_items/{SCRIPT}\\nx.csv",
    "order_items/old/part.csv": "order_items/old/",
    "products/2026-03-01/part.csv": "products/2026-03-01/",
}


class Page(HTMLParser):
    """The texts of a page, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def done(new_lake: object) -> Lake:
    lake: Lake = new_lake()  # type: ignore[operator]
    lake.put("order_items", DAY, ITEMS + ITEM)
    for key in (*UNFIT, PERSONAL):
        lake.storage.write("raw", key, ITEMS + ITEM, "")
    lake.declare_empty(DAY, DAY)
    return lake


@pytest.fixture(scope="module")
def report(done: Lake) -> dict[str, object]:
    done.process(DAY)
    return done.assess(DAY)


def test_every_object_is_in_the_report_with_the_reason(done: Lake, report: dict[str, object]) -> None:
    found = {item["key"]: item for item in report["not_loaded"]}  # type: ignore[attr-defined]
    assert set(UNFIT.values()) <= set(found)
    assert len(found) == report["not_loaded_count"] == len(UNFIT) + 1
    assert all(key.isprintable() for key in found)
    assert all("is not loaded" in item["reason"] or "calendar" in item["reason"] for item in found.values())
    assert {item["size"] for item in found.values()} == {len(ITEMS + ITEM)}
    assert {(item["reason"], item["size"]) for item in found.values()} == {
        (item["reason"], item["size"]) for item in done.summary()["not_loaded"]
    }


def test_no_name_shows_a_person(done: Lake, report: dict[str, object]) -> None:
    assert "zubeida" not in json.dumps(report)
    assert "zubeida" not in json.dumps(done.summary())


def test_the_page_names_them_and_no_name_becomes_markup(done: Lake, report: dict[str, object]) -> None:
    content = done.storage.read("processed", f"quality/dt={DAY}/manual-1/report.html").decode()
    page = Page(content)
    assert "img" not in page.tags
    assert set(UNFIT.values()) <= set(page.texts)
    assert "zubeida" not in content
    assert any(text.startswith("Not loaded") for text in page.texts)


def test_the_log_names_what_lies_beside_the_days(new_lake: object, capsys: pytest.CaptureFixture[str]) -> None:
    lake: Lake = new_lake()  # type: ignore[operator]
    lake.declare_empty(DAY, DAY)
    for key in (*STRAYS, "customers/zubeida.khan@shop.example.csv", "orders/dt=2020-01-01/other-day.csv"):
        lake.storage.write("raw", key, b"x", "")
    for number in range(30):
        lake.storage.write("raw", f"web_events/{number}.csv", b"x", "")

    lake.process(DAY)

    log = capsys.readouterr().out
    for shown in STRAYS.values():
        assert f"s3://raw/{shown} " in log
    assert "zubeida" not in log
    assert "s3://raw/customers/" in log
    assert "other-day" not in log
    assert f"and {30 + 1 + len(STRAYS) - 20} more beside the folders of days" in log
    named = lake.summary()["not_loaded"]
    assert len(named) == lake.summary()["not_loaded_count"] == 30 + 1 + len(STRAYS)
    assert "zubeida" not in json.dumps(named)
    assert "other-day" not in json.dumps(named)


def test_the_verdict_does_not_depend_on_them(new_lake: object, report: dict[str, object]) -> None:
    lake: Lake = new_lake()  # type: ignore[operator]
    lake.put("order_items", DAY, ITEMS + ITEM)
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    clean = lake.assess(DAY)
    assert clean["not_loaded"] == []
    assert "Not loaded" not in lake.storage.read("processed", f"quality/dt={DAY}/manual-1/report.html").decode()
    assert {name: clean[name] for name in ("status", "tables", "ledger")} == {
        name: report[name] for name in ("status", "tables", "ledger")
    }
