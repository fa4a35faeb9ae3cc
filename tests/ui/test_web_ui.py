"""A person in the Airflow web UI: loaded days are green, a run started by hand goes green."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

DAILY = "/dags/ecommerce_dwh_daily"
BOOTSTRAP = "/dags/ecommerce_dwh_bootstrap"


def test_three_loaded_days_are_all_green(page: Page, artifacts: Path) -> None:
    page.goto(f"{DAILY}/runs")
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(3, timeout=30_000)
    for number in range(3):
        expect(rows.nth(number)).to_contain_text(re.compile("success", re.IGNORECASE))
    rows.first.get_by_role("link").first.click()
    page.wait_for_url(re.compile(f"{DAILY}/runs/"))
    tasks = page.locator("table tbody tr")
    expect(tasks.first).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile("^failed$", re.IGNORECASE))).to_have_count(0)
    page.screenshot(path=artifacts / "run.png")

    page.goto(DAILY)
    expect(page.get_by_text("refresh_views").first).to_be_visible(timeout=30_000)
    page.wait_for_timeout(2000)  # the grid fills in after its frame
    page.screenshot(path=artifacts / "daily.png")


def test_a_run_started_by_hand_goes_green(page: Page, artifacts: Path) -> None:
    page.goto(f"{BOOTSTRAP}/runs")
    done = page.locator("table tbody tr").filter(has_text=re.compile("success", re.IGNORECASE))
    expect(done).to_have_count(1, timeout=30_000)  # the bootstrap of the stack itself
    page.get_by_role("button", name=re.compile("^Trigger")).first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Trigger")).last.click()
    page.wait_for_timeout(2000)  # the dialog closes when the request is answered
    page.goto(f"{BOOTSTRAP}/runs")
    expect(done).to_have_count(2, timeout=180_000)
    page.screenshot(path=artifacts / "bootstrap.png")
