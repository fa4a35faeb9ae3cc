"""Runs the queries of ``docs/analytics/queries`` on a loaded local stack and writes ``docs/analytics/questions.md``.

The stack holds three days that the generator makes from a fixed seed, so everybody gets the same answers:

    python -m local run --keep --lines-per-day 1500
    python -m tools.questions            # or --check: fail when the page's answers are not those of the stack
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from local.config import load_config
from local.stack.steps import warehouse_database

REPO = Path(__file__).resolve().parents[1]
QUERIES = REPO / "docs" / "analytics" / "queries"
PAGE = REPO / "docs" / "analytics" / "questions.md"
_SHOWN = 12
_HEAD = """# Questions and answers

<!-- generated on a loaded local stack: make docs-queries -->

Each query runs as it stands in Query Editor v2, psql or a BI tool. The answers are those of the laptop's three
generated days of about 1,500 order lines (`.venv/local/bin/python -m local run --keep --lines-per-day 1500`). The
queries are files in `docs/analytics/queries`.

"""


def answer(connection: psycopg.Connection[Any], sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query."""
    cursor = connection.execute(sql.encode())
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as psql shows them, at most `_SHOWN`."""
    numeric = [
        all(isinstance(row[n], (int, float, Decimal)) or row[n] is None for row in rows)
        for n in range(len(names))
    ]
    texts = [["" if value is None else str(value) for value in row] for row in rows[:_SHOWN]]
    widths = [max(len(name), *(len(row[n]) for row in texts), 0) for n, name in enumerate(names)]
    lines = [
        " | ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)),
        "-+-".join("-" * width for width in widths),
    ]
    for row in texts:
        cells = zip(row, widths, numeric, strict=True)
        lines.append(
            " | ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in cells)
        )
    if len(rows) > _SHOWN:
        lines.append(f"… {len(rows) - _SHOWN} more rows")
    return "\n".join(line.rstrip() for line in lines)


def page(connection: psycopg.Connection[Any]) -> str:
    """The page with every query and its answer.

    Raises:
        ValueError: a file has no title, or a query gives no row.
    """
    parts = [_HEAD]
    for file in sorted(QUERIES.glob("*.sql")):
        text = file.read_text("utf-8").strip()
        title = re.match(r"-- (.+)", text)
        if title is None:
            raise ValueError(f"{file.name} does not begin with a comment that says what is asked")
        names, rows = answer(connection, text)
        if not rows:
            raise ValueError(f"{file.name} gives no row; load the three days first")
        query = text.partition("\n")[2].strip()
        parts.append(f"## {title[1]}\n\n```sql\n{query}\n```\n\n```text\n{table(names, rows)}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the answers are up to date")
    check = parser.parse_args(arguments).check
    config = load_config()
    with psycopg.connect(
        host=config.host,
        port=config.redshift_port,
        dbname=warehouse_database(),
        user=config.redshift_user,
        password=config.redshift_password,
        sslmode="disable",
        autocommit=True,
        prepare_threshold=None,
    ) as connection:
        text = page(connection)
    current = PAGE.read_text("utf-8") if PAGE.exists() else ""
    if current == text:
        return 0
    if check:
        sys.stdout.writelines(
            difflib.unified_diff(current.splitlines(True), text.splitlines(True), "page", "stack")
        )
        print(f"{PAGE.relative_to(REPO)} is not what the stack says; run make docs-queries", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print(f"wrote {PAGE.relative_to(REPO)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
