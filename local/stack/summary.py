"""Content of the warehouse and the lake after a run, as tables in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import redshift_connector
from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from local.config import LocalConfig
from local.product import load_settings
from local.smtp.mailbox import Mailbox
from local.stack.airflow import product_options
from local.stack.display import console, grid, heading
from local.stack.steps import warehouse_database

QUERIES = Path(__file__).with_name("summary.sql")


@dataclass(frozen=True)
class Section:
    """A titled query result."""

    title: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


def connect(config: LocalConfig) -> redshift_connector.Connection:
    """The warehouse through Redshift's own driver."""
    return redshift_connector.connect(
        host=config.host,
        port=config.redshift_port,
        database=warehouse_database(),
        user=config.redshift_user,
        password=config.redshift_password,
        ssl=False,
    )


def queries(path: Path = QUERIES) -> Iterator[tuple[str, str]]:
    """Title and text of each query of a file."""
    for part in path.read_text(encoding="utf-8").split("-- section: ")[1:]:
        title, _, text = part.partition("\n")
        yield title.strip(), text.strip().rstrip(";")


def sections(config: LocalConfig) -> list[Section]:
    """Run every query of the summary."""
    found = []
    with closing(connect(config)) as connection:
        connection.autocommit = True
        for title, text in queries():
            cursor = connection.cursor()
            cursor.execute(text)
            columns = [str(column[0]) for column in cursor.description]
            found.append(Section(title, columns, [tuple(row) for row in cursor.fetchall()]))
    return found


def show_warehouse(config: LocalConfig, target: Console = console, *, ledger_by_day: bool = True) -> None:
    """Print the ledger and the top of each analytics view.

    Args:
        config: the local stack.
        target: where to print.
        ledger_by_day: a line per source and day, not only per source.
    """
    for section in sections(config):
        if section.title.startswith("Ledger per day") and not ledger_by_day:
            continue
        heading(section.title, target.print)
        right = [
            index
            for index in range(len(section.columns))
            if any(isinstance(row[index], int | float | Decimal) for row in section.rows)
        ]
        rows = [[_cell(*pair) for pair in zip(section.columns, row, strict=True)] for row in section.rows]
        if rows:
            target.print(grid(section.columns, rows, right=right))
        else:
            target.print(Text("  (no rows)", style="dim"))


def reports(config: LocalConfig, days: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The quality report of each day that has one; its page is copied to where a browser opens it."""
    settings = load_settings(product_options())
    s3 = config.aws_client("s3", region_name=settings.region)
    folder = config.home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for day in days:
        prefix = f"quality/dt={day}"
        try:
            found[day] = json.loads(_read(s3, settings.processed_bucket, f"{prefix}/report.json"))
            (folder / f"{day}.html").write_bytes(_read(s3, settings.processed_bucket, f"{prefix}/report.html"))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                raise
    return found


def show_quality(config: LocalConfig, days: Sequence[str], target: Console = console) -> None:
    """Print each day's quality verdict."""
    colours = {"passed": "green", "warned": "yellow", "failed": "red"}
    found = reports(config, days)
    rows: list[list[object]] = []
    for day in days:
        report = found.get(day)
        if report is None:
            rows.append([day, Text("no report", style="red"), "", ""])
            continue
        rules = [rule for table in report["tables"] for rule in table["rules"]]
        broken = [rule["rule"] for rule in rules if not rule["passed"]]
        rows.append(
            [
                day,
                Text(report["status"], style=colours.get(report["status"], "")),
                len(rules),
                ", ".join(broken[:3]) + (f" and {len(broken) - 3} more" if len(broken) > 3 else "") or "–",
            ]
        )
    heading("Quality", target.print)
    target.print(grid(["day", "status", "rules", "not passed"], rows, right=[2]))
    target.print(f"{config.home / 'reports'}/<day>.html", style="dim", markup=False, soft_wrap=True)


def show_places(config: LocalConfig, target: Console = console) -> None:
    """Print where reports, logs and mail lie."""
    mails = len(Mailbox(config.mail_dir).ids())
    heading("Where things are", target.print)
    rows = [
        ("reports", config.home / "reports"),
        ("logs", config.logs_dir),
        ("mail", f"{config.mail_dir} ({mails} message{'' if mails == 1 else 's'})"),
        ("lake", config.aws_dir),
    ]
    target.print(grid(["", ""], rows), soft_wrap=True)


def _read(s3: Any, bucket: str, key: str) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def _cell(column: str, value: Any) -> str | Text:
    match value:
        case None:
            text: str | Text = Text("–", style="dim")
        case bool():
            text = "yes" if value else "no"
        case int():
            text = str(value) if column == "year" else f"{value:,}"
        case Decimal():
            text = f"{value:,}" if value.as_tuple().exponent == 0 else f"{value:,.2f}"
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case _:
            text = str(value) if len(str(value)) <= 40 else str(value)[:39] + "…"
    return text
