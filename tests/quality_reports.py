"""Quality reports made by code, for tests and benchmarks of the data quality page.

``python -m tests.quality_reports --endpoint URL --last-day 2026-03-10 --days 60`` writes a story to a bucket: mostly
good days, a poisoned last day, one truncated report, one of another day, one day without a report, and values that
are scripts. Everything follows from the day, so that a test can name what it expects.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SOURCES = ("customers", "products", "orders", "order_items", "web_events")
DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "referential integrity", "volume")
SCRIPT = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"


def rule_name(number: int) -> str:
    return f"{('filled', 'unique', 'valid', 'consistent', 'known', 'enough')[number % 6]}_{number:02}"


def report(
    day: str,
    rules: int = 8,
    *,
    start: str = "",
    poisoned: bool = False,
    run_id: str = "",
    history: bool = True,
) -> dict[str, Any]:
    """A report of a day (or of the days from ``start`` on), with so many rules per table and one against history."""
    dice = random.Random(day)
    start = start or day
    tables, states = [], set()
    for source in SOURCES:
        rows = dice.randrange(800, 1500) * (date.fromisoformat(day) - date.fromisoformat(start)).days or 1200
        entries = []
        for number in range(rules):
            severity = "error" if number % 3 == 0 else "warning"
            failed = dice.randrange(1, 40) if dice.random() < 0.02 and severity == "warning" else 0
            if poisoned and source == "orders" and number in (0, 1):
                failed = 412 + number
            ratio = round(failed / rows, 6)
            passed = ratio <= 0.001
            if not passed:
                states.add(severity)
            entries.append(
                {
                    "rule": rule_name(number),
                    "dimension": DIMENSIONS[number % 6],
                    "severity": severity,
                    "description": f"What rule {number} of {source} asks of a row",
                    "unit": "rows",
                    "rows_checked": rows,
                    "rows_failed": failed,
                    "failed_ratio": ratio,
                    "threshold": 0.001,
                    "judged": True,
                    "passed": passed,
                    "message": ""
                    if passed
                    else f"{failed:,} of {rows:,} rows break the rule; 0.10% are allowed",
                    "samples": [] if passed else [f"{source}-{place}" for place in range(3)],
                }
            )
        if history:
            entries.append(volume(day, source, rows, poisoned=poisoned and source == "order_items"))
            states |= {"warning"} if not entries[-1]["passed"] else set()
        tables.append({"source": source, "rows": rows, "rules": entries})
    first, last = date.fromisoformat(start), date.fromisoformat(day)
    days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    found: dict[str, Any] = {
        "schema_version": 1,
        "privacy": 1,
        "run_id": run_id or f"scheduled__{day}T02-00-00-00-00",
        "start_date": start,
        "end_date": day,
        "generated_at": f"{(last + timedelta(days=1)).isoformat()}T02:10:00Z",
        "status": "failed" if "error" in states else "warned" if states else "passed",
        "tables": tables,
        "ledger": [
            {
                "source": source,
                "delivery_date": each,
                "raw_rows": 1210,
                "accepted_rows": 1200,
                "superseded_rows": 3,
                "quarantined_rows": 7,
            }
            for each in days
            for source in SOURCES
        ],
        "quarantine": [],
        "drift": [],
        "not_loaded": [],
        "not_loaded_count": 0,
    }
    if poisoned:
        found["tables"][2]["rules"][0]["samples"] = [SCRIPT, "order-17"]
        found["tables"][2]["rules"][1]["message"] = f"{SCRIPT} broke it"
        found["quarantine"] = [
            {
                "source": "orders",
                "rule": "unparseable:order_date",
                "rows": 7,
                "samples": [
                    {
                        "source_file": f"orders/dt={day}/{SCRIPT}.csv",
                        "source_line": 12,
                        "message": f"order_date '{SCRIPT}' is no timestamp",
                    },
                ],
            },
            {
                "source": "customers",
                "rule": "too_long:email",
                "rows": 1,
                "samples": [
                    {
                        "source_file": f"customers/dt={day}/a.csv",
                        "source_line": 3,
                        "message": "email 'asha.rao@example.com' of +91 98765 43210 is too long",
                    },
                ],
            },
        ]
        found["drift"] = [{"source": "orders", "column": SCRIPT, "kind": "unknown", "file_count": 1}]
        found["not_loaded"] = [
            {
                "key": f"orders/dt={day}/sub/{SCRIPT}.csv",
                "size": 1234,
                "reason": "lies in a sub-folder and is not loaded; move it directly into <source>/dt=YYYY-MM-DD/",
            }
        ]
        found["not_loaded_count"] = 41
    return found


def volume(day: str, source: str, rows: int, *, poisoned: bool) -> dict[str, Any]:
    """A rule against history; before 2026-02-01 there is too little of it."""
    value = 112 if poisoned else rows
    judged = day >= "2026-02-01" or day < "2026-01-01"
    found = {
        "day": day,
        "value": float(value),
        "median": 1150.0,
        "low": 760.0,
        "high": 1740.0,
        "z": None,
        "days": 28,
    }
    message = ""
    if not judged:
        message = f"not judged: {int(day[-2:]) % 14} of the 28 days before {day} have figures, 14 are needed"
        found |= {"median": None, "low": None, "high": None, "days": int(day[-2:]) % 14}
    elif poisoned:
        found["z"] = -16.4
        message = (
            f"{value} rows on Tuesday {day}; a Tuesday usually has 760 to 1,740 (median 1,150; robust z -16.4, "
            "allowed ±5)"
        )
    return {
        "rule": "rows_as_usual",
        "dimension": "volume",
        "severity": "warning",
        "unit": "days",
        "description": f"About as many rows of {source} as on the same weekdays of the last four weeks",
        "rows_checked": int(judged),
        "rows_failed": int(poisoned),
        "failed_ratio": float(poisoned),
        "threshold": 0.0,
        "judged": judged,
        "passed": not poisoned,
        "message": message,
        "samples": [],
        "history": found,
    }


def job_page(found: dict[str, Any]) -> str:
    """The page that the quality job writes beside a report."""
    repo = Path(__file__).resolve().parents[1]
    sys.path[:0] = [
        path for path in (str(repo / "plugins"), str(repo / "include" / "glue")) if path not in sys.path
    ]
    from ecommerce_dwh_glue.quality.page import html_page

    return html_page(found, {})


def story(last_day: str, days: int, rules: int = 8) -> Iterator[tuple[str, bytes]]:
    """Keys and bodies of a story that ends on a poisoned day.

    From the end: 0 poisoned, 3 truncated, 5 of another day, 7 without a report; the oldest 10 days are one report.
    """
    last = date.fromisoformat(last_day)
    for back in range(days - 10):
        day = (last - timedelta(days=back)).isoformat()
        if back == 7 and days > 20:
            continue
        body = report(day, rules, poisoned=back == 0)
        text = json.dumps(body, indent=1).encode()
        if back == 3 and days > 20:
            text = text[: len(text) // 2]
        if back == 5 and days > 20:
            text = json.dumps(report("2020-02-02", rules)).encode()
        yield f"quality/dt={day}/report.json", text
        yield f"quality/dt={day}/{body['run_id']}/report.json", text
        if back == 0:
            yield f"quality/dt={day}/report.html", job_page(body).encode()
            earlier = report(day, rules, run_id="manual__earlier")
            yield f"quality/dt={day}/manual__earlier/report.json", json.dumps(earlier).encode()
    day = (last - timedelta(days=days - 10)).isoformat()
    start = (last - timedelta(days=days - 1)).isoformat()
    yield f"quality/dt={day}/report.json", json.dumps(report(day, rules, start=start)).encode()


def write(s3: Any, bucket: str, last_day: str, days: int, rules: int = 8) -> int:
    """Write a story to a bucket; returns the number of objects."""
    count = 0
    for key, body in story(last_day, days, rules):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        count += 1
    return count


def main(arguments: list[str]) -> int:
    """Write a story to an S3 endpoint."""
    import boto3
    from botocore.config import Config

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", default="ecommerce-dwh-dev-processed")
    parser.add_argument("--last-day", required=True)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rules", type=int, default=8)
    given = parser.parse_args(arguments)
    s3 = boto3.client(
        "s3",
        endpoint_url=given.endpoint,
        region_name="ap-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(s3={"addressing_style": "path"}),
    )
    if given.bucket not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=given.bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    count = write(s3, given.bucket, given.last_day, given.days, given.rules)
    print(f"{count} objects written to {given.bucket}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
