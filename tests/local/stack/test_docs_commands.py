"""Addresses, variables and paths that the pages give to people are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from local.config import LocalConfig
from local.stack.psql import psql_environ

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_analysts_find_host_user_and_password_where_the_page_says():
    page = (DOCS / "analysts.md").read_text("utf-8")
    named = set(re.findall(r"`(PG[A-Z]+)`", page))

    assert "PGPASSWORD" in named
    assert named <= set(psql_environ(LocalConfig(), {}))


def test_backfills_by_rest_go_to_the_address_of_the_local_stack():
    page = (DOCS / "backfills.md").read_text("utf-8")

    assert re.findall(r"^export AIRFLOW_URL=(\S+)", page, re.MULTILINE) == [LocalConfig().airflow_url]
    block = page[page.index("export AIRFLOW_URL=") :]
    assert page.index("$AIRFLOW_URL") > page.index("export AIRFLOW_URL=")
    assert block.count("$AIRFLOW_URL") == 2


def test_quarantined_rows_are_where_the_pages_say():
    """The reader of the quarantine, the erasure and every page name one layout."""
    for page in ("data-engineers.md", "data-quality.md", "data-governance.md", "architecture.md"):
        found = re.findall(r"quarantine/[^`\s]*", (DOCS / page).read_text("utf-8"))
        assert found, page
        assert all(path.startswith("quarantine/source=") for path in found), (page, found)
