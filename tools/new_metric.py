"""Writes the stubs of a new view of analytics: view, definitions, case of a test, page section and changelog fragment.

    .venv/dev/bin/python -m tools.new_metric NAME

``NAME`` is the name of the view in the schema ``analytics``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.stubs import REPO, StubError, checked_name, edited, failed, finish, rendered, write

METRICS = "docs/metrics.md"
PAGE = "docs/analytics/index.md"


def files(name: str) -> dict[str, str]:
    """Path and text of each new file of a metric."""
    return {
        f"include/sql/analytics/{name}/view.sql": rendered("metric/view.sql.jinja", name=name),
        f"tests/sql/views/{name}.yaml": rendered("metric/case.yaml.jinja", name=name),
        f"changelog.d/{name.replace('_', '-')}.bootstrap.md": rendered("metric/fragment.md.jinja", name=name),
    }


def pages(name: str, repo: Path = REPO) -> dict[str, str]:
    """Path and new text of each page that gets a section."""
    section = rendered("metric/metrics.md.jinja", name=name)
    return {
        METRICS: edited(METRICS, "## Beside the views\n", section, repo),
        PAGE: edited(PAGE, "", rendered("metric/analytics.md.jinja", name=name), repo),
    }


def main(arguments: list[str] | None = None, repo: Path = REPO) -> int:
    """Write the stubs; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make new-metric", description=__doc__.splitlines()[0])
    parser.add_argument("name")
    try:
        name = checked_name(parser.parse_args(arguments).name, "metric")
        changed = pages(name, repo)
        write(files(name), repo)
        for page, text in changed.items():
            (repo / page).write_text(text, "utf-8")
            print(f"section  {page}")
    except StubError as error:
        return failed(error)
    finish(repo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
