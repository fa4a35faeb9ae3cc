"""A person operates the warehouse in the Airflow web UI: Params, logs, links, clearing, backfills."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

DAILY = "/dags/ecommerce_dwh_daily"
PREFLIGHT = "/dags/ecommerce_dwh_preflight"
FIRST_RUN = f"{DAILY}/runs/backfill__2026-01-02T02:00:00+00:00"  # loads 2026-01-01
SUCCESS = re.compile("success", re.IGNORECASE)


def trigger_dialog(page: Page, dag: str) -> Locator:
    page.goto(dag)
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Run Parameters")).to_be_visible(timeout=30_000)
    return dialog


def expect_green(page: Page, run: str) -> None:
    """Wait until a run itself has succeeded; on the run's own page each of its tasks has such a mark too."""
    dag, run_id = run.split("/runs/")
    page.goto(f"{dag}/runs")
    row = page.locator("table tbody tr").filter(has_text=run_id)
    expect(row).to_contain_text(SUCCESS, timeout=300_000)


def test_a_run_with_params_goes_green_and_its_log_answers(page: Page, artifacts: Path) -> None:
    dialog = trigger_dialog(page, PREFLIGHT)
    dialog.locator("#element_start_date").fill("2026-01-01")
    dialog.locator("#element_end_date").fill("2026-01-04")
    page.screenshot(path=artifacts / "trigger-params.png")
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    expect(dialog).to_be_hidden(timeout=30_000)

    page.goto(f"{PREFLIGHT}/runs")
    row = page.locator("table tbody tr").first
    expect(row).to_contain_text(SUCCESS, timeout=120_000)
    row.get_by_role("link").first.click()
    # By the task's own link: until the run's page is there, a table's first row is still that of the list of runs.
    page.locator("table tbody").get_by_role("link", name="survey", exact=True).click()
    expect(page.get_by_text("3 loaded").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("1 without any file").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"2026-01\s+###\.")).first).to_be_visible()
    page.screenshot(path=artifacts / "preflight-log.png")


def test_the_gate_leads_to_the_report_that_it_judged(page: Page, artifacts: Path) -> None:
    page.goto(f"{FIRST_RUN}/tasks/quality_gate/details")
    link = page.get_by_role("link", name="Quality report")
    expect(link).to_be_visible(timeout=30_000)
    page.screenshot(path=artifacts / "gate-details.png")
    with page.expect_popup() as popup:
        link.click()
    expect(popup.value).to_have_title(re.compile(r"^Quality .*2026-01-01"))


def test_a_cleared_task_runs_again_and_its_log_is_there(page: Page, artifacts: Path) -> None:
    page.goto(f"{FIRST_RUN}/tasks/publish")
    expect(page.get_by_text(re.compile("Published up to")).first).to_be_visible(timeout=60_000)
    page.get_by_label("Press shift+c to clear").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Affected Tasks: 1")).to_be_visible(timeout=30_000)
    page.screenshot(path=artifacts / "clear.png")
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_be_hidden(timeout=30_000)

    page.goto(f"{FIRST_RUN}/tasks/publish?try_number=2")
    expect(page.get_by_role("heading", name="Task Tries")).to_be_visible(timeout=60_000)
    tries = page.get_by_test_id("state-badge").filter(has_text=SUCCESS)
    expect(tries.first).to_be_visible(timeout=120_000)
    expect_green(page, FIRST_RUN)


def test_a_backfill_made_in_the_dialog_goes_green(page: Page, artifacts: Path) -> None:
    dialog = trigger_dialog(page, DAILY)
    dialog.get_by_text("Backfill", exact=True).click()
    dialog.locator("input[name=from_date]").fill("2026-01-03T00:00")
    dialog.locator("input[name=to_date]").fill("2026-01-03T23:59")
    dialog.get_by_text("All Runs", exact=True).click()
    button = dialog.get_by_role("button", name="Run Backfill")
    expect(button).to_be_enabled(timeout=30_000)
    page.screenshot(path=artifacts / "backfill.png")
    button.click()
    expect(dialog).to_be_hidden(timeout=30_000)

    page.goto(DAILY)
    expect(page.get_by_text("Backfill in progress").first).to_be_visible(timeout=30_000)
    page.screenshot(path=artifacts / "backfill-banner.png")
    expect_green(page, f"{DAILY}/runs/backfill__2026-01-04T02:00:00+00:00")
    # The list says "completed" minutes later: Airflow looks at young backfills after two minutes only.
    page.goto(f"{DAILY}/backfills")
    row = page.locator("table tbody tr").filter(has_text="2026-01-03 00:00:00").first
    expect(row).to_contain_text("All Runs", timeout=30_000)
