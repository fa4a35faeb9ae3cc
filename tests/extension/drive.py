"""Runs days through a whole stack of the repository that it lies in; prints what it found as JSON.

.venv/local/bin/python tests/extension/drive.py <home of the stack> <folder of raw files> <day> [<day> …]
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from local.stack import runs
from local.stack.ports import separate_config
from tests.e2e.support import LocalStack

LEDGER = (
    "select delivery_date, raw_rows, accepted_rows, superseded_rows, quarantined_rows, raw_amount, accepted_amount "
    "from quality.ledger where source = 'returns' order by 1"
)
ERASE = "ecommerce_dwh_erase_person"


def erase(local: LocalStack, key: str) -> dict[str, Any]:
    """Erase a customer by the DAG, and say what lake and warehouse hold then."""
    raw, processed = local.settings.raw_bucket, local.settings.processed_bucket
    request = {"customer_id": key, "reason": "A letter to the desk of data protection"}
    local.s3.put_object(
        Bucket=processed, Key="erasures/requests/letter.json", Body=json.dumps(request).encode()
    )
    conf = {"request": "letter", "requested_by": "dpo@company.com", "dry_run": False}
    runs.watch(local.client, ERASE, {"erasure": local.client.trigger(ERASE, conf)})
    keys = [item["Key"] for item in local.s3.list_objects_v2(Bucket=raw, Prefix="returns/")["Contents"]]
    kept = local.s3.list_objects_v2(Bucket=processed, Prefix="erasures/").get("Contents", [])
    return {
        "pseudonyms": [row[0] for row in local.query("select pseudonym from quality.erasures")],
        "returns": local.query(
            "select r.return_id, r.returned_by, r.quantity, r.refund_amount, c.customer_id "
            "from facts.fact_returns as r "
            "join dimensions.dim_customer as c on r.customer_key = c.customer_key order by 1"
        ),
        "raw": {name: local.s3.get_object(Bucket=raw, Key=name)["Body"].read().decode() for name in keys},
        "ledger": local.query(LEDGER),
        "left": [item["Key"] for item in kept if item["Key"].endswith(("request.json", "letter.json"))],
    }


def main(home: str, raw: str, *days: str) -> None:
    local = LocalStack(separate_config(Path(home)))
    try:
        local.stack.up()
        local.bootstrap()
        local.land(Path(raw))
        for day in days:
            local.load(date.fromisoformat(day), date.fromisoformat(day))
        found = {
            "tasks": runs.task_order(local.client, runs.DAILY),
            "returns": local.query(
                "select r.return_id, r.quantity, r.refund_amount, r.reason, c.customer_id, p.product_id "
                "from facts.fact_returns as r join dimensions.dim_customer as c on r.customer_key = c.customer_key "
                "join dimensions.dim_product as p on r.product_key = p.product_key order by 1"
            ),
            "ledger": local.query(LEDGER),
            "rules": local.query(
                "select delivery_date, rule, rows_failed from quality.check_results where source = 'returns' "
                "and rows_failed > 0 order by 1, 2"
            ),
            "pending": local.value("select count(*) from history.pending_key"),
            "published": local.value("select published_day from quality.warehouse_state"),
            "catalogue": sorted(
                table["Name"]
                for table in local.aws("glue").get_tables(DatabaseName=local.settings.catalog_database)[
                    "TableList"
                ]
            ),
        }
        found["erased"] = erase(local, "1")
        print("FOUND " + json.dumps(found, default=str))
    finally:
        local.stack.down()


if __name__ == "__main__":
    # The default ends the process at once, and leaves the stack running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(*sys.argv[1:])
