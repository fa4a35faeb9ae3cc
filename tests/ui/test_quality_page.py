"""The Data quality page in the Airflow web UI, in real Chromium: as a person at 02:20 uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Stack
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, Request, Route, expect

from tests.quality_reports import SCRIPT

LAST = "2026-03-10"
PAGES = {
    "overview": "/data-quality/",
    "two-years": "/data-quality/?months=24",
    "search": "/data-quality/?q=uniqueness",
    "day-failed": f"/data-quality/day/{LAST}",
    "day-truncated": "/data-quality/day/2026-03-07",
    "day-missing": "/data-quality/day/2026-03-03",
    "day-young": "/data-quality/day/2026-01-25",
    "rule": "/data-quality/rule/orders/filled_00",
    "rule-history": "/data-quality/rule/order_items/rows_as_usual",
    "job-page": f"/data-quality/report/{LAST}",
    "ledger": "/data-quality/ledger?months=3",
}


@pytest.fixture(scope="module")
def seeded(stack: Stack) -> Stack:
    """The stack with sixty days of reports; the last one is poisoned."""
    endpoint = f"http://127.0.0.1:{stack.environ['DWH_LOCAL_AWS_PORT']}"
    stack.local("tests.quality_reports", "--endpoint", endpoint, "--last-day", LAST, "--days", "60")
    return stack


@pytest.fixture
def visitor(seeded: Stack, page: Page) -> Iterator[Page]:
    """A logged-in person; anything the browser refuses or asks of another host fails the test."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((seeded.url, "data:", "blob:")):
            complaints.append(request.url)

    page.on("console", on_console)
    page.on("request", on_request)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


def frame_of(page: Page) -> FrameLocator:
    """The page's frame inside the Airflow UI."""
    return page.frame_locator("iframe[title='Data quality']")


def test_it_is_in_the_navigation_and_answers_what_is_wrong_at_once(visitor: Page, artifacts: Path) -> None:
    visitor.goto("/")
    visitor.get_by_role("link", name="Data quality").click()
    frame = frame_of(visitor)

    # The first page of a new server: Airflow's own UI loads around it.
    expect(frame.get_by_role("heading", name=f"{LAST}: failed, the gate is closed")).to_be_visible(
        timeout=30_000
    )
    expect(frame.get_by_text("412 of 1,200 rows break the rule").first).to_be_visible()
    visitor.wait_for_timeout(500)
    visitor.screenshot(path=artifacts / "quality-overview-in-airflow.png")


def test_the_address_bar_follows_and_can_be_sent_to_a_colleague(visitor: Page, artifacts: Path) -> None:
    visitor.goto("/plugin/data-quality")
    frame_of(visitor).get_by_role("link", name="What to do: open the day").click()
    visitor.wait_for_url(f"**/plugin/data-quality#/day/{LAST}")
    address = visitor.url

    colleague = visitor.context.new_page()
    colleague.goto(address)
    shown = frame_of(colleague)
    expect(shown.get_by_role("heading", level=1, name=LAST)).to_be_visible()
    expect(shown.get_by_role("heading", name="What to do")).to_be_visible()
    colleague.screenshot(path=artifacts / "quality-day-in-airflow.png")
    # Back to the overview inside the frame: the address of the first visit must not pull it back.
    shown.get_by_role("link", name="Overview").click()
    colleague.wait_for_url("**/plugin/data-quality#/")
    expect(frame_of(colleague).get_by_role("heading", name="Days and tables")).to_be_visible()


def test_the_theme_of_the_ui_is_taken_over(visitor: Page) -> None:
    visitor.goto("/plugin/data-quality")
    frame = frame_of(visitor)
    expect(frame.get_by_role("heading", name="Days and tables")).to_be_visible()
    for theme in ("dark", "light"):
        visitor.evaluate(
            "theme => { const all = document.documentElement.classList; all.remove('dark', 'light'); all.add(theme) }",
            theme,
        )
        expect(frame.locator(f"html[data-theme={theme}]")).to_be_attached()


def test_from_the_matrix_by_keyboard_to_the_cause(visitor: Page) -> None:
    visitor.goto("/data-quality/")
    month = visitor.get_by_role("table", name="March 2026")
    first = month.get_by_role("link").first
    first.focus()
    for key in ("End", "ArrowDown", "ArrowDown", "ArrowDown"):
        visitor.keyboard.press(key)
    focused = visitor.locator(":focus")

    expect(focused).to_have_accessible_name(f"{LAST}, orders: failed, 1,200 rows, 9 rules, 1 failed, 1 warned")
    expect(focused).to_have_text("✕")  # not colour alone
    assert month.locator("a[tabindex='0']").count() == 1
    visitor.keyboard.press("Enter")
    visitor.wait_for_url(f"**/day/{LAST}#orders")
    expect(visitor.get_by_role("heading", level=1, name=LAST)).to_be_visible()


def test_arrow_keys_pass_over_days_without_a_report(visitor: Page) -> None:
    visitor.goto("/data-quality/")
    visitor.get_by_role("link", name="2026-03-02, all tables").focus()
    visitor.keyboard.press("ArrowRight")

    name = visitor.locator(":focus").get_attribute("aria-label")
    assert name is not None
    assert name.startswith("2026-03-04, all tables")


def test_scripts_in_data_are_shown_and_never_run(visitor: Page) -> None:
    for path in (
        PAGES["overview"],
        PAGES["day-failed"],
        PAGES["rule"],
        "/data-quality/?q=%3Cimg%20src=x%20onerror=1%3E",
    ):
        visitor.goto(path)
        assert visitor.evaluate("window.hacked") is None
        assert visitor.locator("main img, main script").count() == 0
    visitor.goto(PAGES["day-failed"])
    expect(visitor.get_by_text(f"{SCRIPT} broke it")).to_be_visible()
    expect(visitor.get_by_text(f"'{SCRIPT}' is no timestamp")).to_be_visible()


def test_personal_data_of_quarantined_rows_is_masked(visitor: Page) -> None:
    visitor.goto(PAGES["day-failed"])
    row = visitor.get_by_role("row", name="customers too_long:email")

    expect(row).to_contain_text("email ••• of ••• is too long")
    assert "asha.rao" not in visitor.content()


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-03-07", "not complete JSON"),
        ("2026-03-05", "of '2020-02-02', not of 2026-03-05"),
        ("2026-03-03", "There is no report for 2026-03-03"),
    ],
)
def test_reports_that_cannot_be_read_say_why(visitor: Page, day: str, words: str) -> None:
    visitor.goto(f"/data-quality/day/{day}")

    expect(visitor.get_by_role("main")).to_contain_text(words)
    expect(visitor.get_by_role("main")).to_contain_text("stays closed")


def test_one_report_for_many_days_is_shown_as_such(visitor: Page) -> None:
    visitor.goto("/data-quality/")
    visitor.get_by_role("link", name="2026-01-12, orders").click()

    expect(visitor.get_by_role("heading", level=1)).to_have_text("2026-01-10 to 2026-01-19")
    expect(visitor.get_by_text("The ledger below is of 2026-01-12 only.")).to_be_visible()


def test_search_finds_rules_and_the_trend_tells_their_story(visitor: Page, artifacts: Path) -> None:
    visitor.goto("/data-quality/")
    visitor.get_by_role("searchbox", name="Search rules").fill("orders completeness")
    visitor.keyboard.press("Enter")
    visitor.wait_for_url("**/?q=orders+completeness")
    visitor.get_by_role("link", name="orders.filled_00", exact=True).click()

    expect(visitor.get_by_role("img", name="Failing share of orders.filled_00 per day")).to_be_visible()
    expect(visitor.get_by_role("row", name=LAST)).to_contain_text("34.3 %")
    visitor.screenshot(path=artifacts / "quality-rule.png")


def test_a_rule_against_history_shows_what_was_measured_over_what_is_usual(visitor: Page) -> None:
    visitor.goto(PAGES["day-failed"])
    visitor.get_by_role("link", name="order_items.rows_as_usual").first.click()

    expect(visitor.get_by_role("img", name="Measured by order_items.rows_as_usual per day")).to_be_visible()
    expect(visitor.get_by_role("row", name=LAST)).to_contain_text("112")
    expect(visitor.get_by_role("row", name="2026-01-25")).to_contain_text("not judged")


def test_too_little_history_is_said(visitor: Page) -> None:
    visitor.goto(PAGES["day-young"])
    rule = visitor.get_by_role("row", name="rows_as_usual").first

    expect(rule).to_contain_text("not judged")
    expect(rule).to_contain_text("of the 28 days before 2026-01-25 have figures, 14 are needed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_jobs_own_page_reads_without_network_or_script(
    visitor: Page, browser: Browser, tmp_path: Path, artifacts: Path, scheme: Literal["light", "dark"]
) -> None:
    visitor.goto(PAGES["job-page"])
    saved = tmp_path / "report.html"
    saved.write_text(visitor.content(), "utf-8")
    context = browser.new_context(
        offline=True, java_script_enabled=False, color_scheme=scheme, viewport={"width": 1200, "height": 1000}
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(saved.as_uri())

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Quality failed: the gate is closed · {LAST}")
    expect(page.get_by_text("What to do.", exact=True)).to_be_visible()
    expect(page.get_by_text(f"{SCRIPT} broke it").first).to_be_visible()
    expect(page.get_by_role("img", name=f"{LAST}: 112; usual 760 to 1,740")).to_be_visible()
    assert asked == [saved.as_uri()]
    page.screenshot(path=artifacts / f"quality-report-{scheme}.png")
    context.close()


def test_the_jobs_own_page_runs_no_script_and_is_of_no_origin(page: Page, seeded: Stack) -> None:
    """The browser blocks the image, too, and says so: a `visitor` would take that for a fault."""
    hostile = (
        "<!doctype html><title>quiet</title><script>document.title = 'hacked'</script>"
        "<img src=x onerror=\"document.title = 'hacked'\"><a href='javascript:document.title=`hacked`'>click</a>"
    )

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, body=hostile)  # its own headers, other contents

    page.route(f"**{PAGES['job-page']}", answer)
    page.goto(PAGES["job-page"])
    page.get_by_role("link", name="click").click()

    assert page.title() == "quiet"
    assert page.evaluate("origin") == "null"


def test_the_runs_of_a_day_can_be_compared(visitor: Page) -> None:
    visitor.goto(PAGES["day-failed"])
    visitor.get_by_role("link", name="manual__earlier").click()

    expect(visitor.get_by_text("(this run's own report)")).to_be_visible()
    expect(visitor.get_by_role("heading", name="Failed: the gate is closed")).to_have_count(0)


def test_without_a_login_there_is_nothing_to_see(seeded: Stack, browser: Browser) -> None:
    context = browser.new_context(base_url=seeded.url)
    stranger = context.new_page()
    for path in (*PAGES.values(), "/data-quality/static/app.js", f"/data-quality/report/{LAST}"):
        answer = stranger.goto(path)
        assert answer is not None
        assert answer.status == 401, path
        assert "filled_00 " not in stranger.content()
    expect(stranger.get_by_role("link", name="Log in")).to_be_visible()
    stranger.get_by_role("link", name="Log in").click()
    expect(stranger.get_by_label("Password")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visitor: Page, artifacts: Path, name: str, scheme: str) -> None:
    visitor.emulate_media(color_scheme=scheme)
    visitor.goto(PAGES[name])
    visitor.screenshot(path=artifacts / f"quality-{name}-{scheme}.png")
    if name == "job-page":
        # Its sandbox runs no script, axe's neither; the same markup does without.
        markup = visitor.content()
        visitor.goto("about:blank")
        visitor.set_content(markup)

    found = Axe().run(visitor)

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["overview", "day-failed", "rule", "ledger"])
def test_a_telephone_needs_no_sideways_scrolling_of_the_page(visitor: Page, name: str) -> None:
    visitor.set_viewport_size({"width": 360, "height": 740})
    visitor.goto(PAGES[name])

    assert visitor.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_works_without_javascript(seeded: Stack, visitor: Page, browser: Browser) -> None:
    context = browser.new_context(base_url=seeded.url, java_script_enabled=False)
    context.add_cookies(visitor.context.cookies())
    plain = context.new_page()
    plain.goto("/data-quality/")
    plain.get_by_role("link", name=f"{LAST}, orders").click()

    expect(plain.get_by_role("heading", level=1, name=LAST)).to_be_visible()
    context.close()
