"""How fast `ecommerce_dwh_ingest` brings the shop's rows to the raw bucket, and in how much memory.

    .venv/airflow/bin/python benchmarks/ingest.py [rows …]

Fills one table of a shop database with so many orders (default 1,000,000 and 10,000,000), all changed on one day,
and extracts the day by the product's own operator, from an embedded PostgreSQL over its socket to gzipped CSV in the
local S3. The table alone is measured, by one connection: the other sources of a real day run beside it. Memory is
the extracting process's peak (VmHWM), Python, Airflow and boto3 included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins"), str(REPO / "tests" / "dags")]

DAY = "2026-03-01"

EXTRACT = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
from contexts import context_of, in_dag
from ecommerce_dwh.lake.ingest_task import ShopExtractOperator
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.postgres.hooks.postgres import PostgresHook

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

task = in_dag(ShopExtractOperator)
context = context_of(task, params={"start_date": sys.argv[2], "replace": True})
before = peak()
began = time.monotonic()
rows = task.execute(context)["rows"]["orders"]
seconds = time.monotonic() - began
print(json.dumps({"rows": rows, "seconds": seconds, "before": before, "peak": peak()}))
"""


def main(counts: list[int]) -> int:
    """Measure each count; returns the exit code."""
    import psycopg  # late import: paths first
    from servers import start_local_aws, start_redshift

    from local import postgres
    from local import shop as local_shop
    from local.config import LocalConfig

    print(f"{'rows':>12} {'seconds':>9} {'rows/s':>10} {'MB gz':>8} {'peak MB':>9} {'of it before':>13}")
    with (
        tempfile.TemporaryDirectory() as folder,
        start_redshift(_made(Path(folder) / "pg")) as redshift,
        start_local_aws(_made(Path(folder) / "aws")) as aws,
    ):
        config = LocalConfig(home=redshift.home)
        aws.clear()
        environ = {
            **os.environ,
            "AIRFLOW_HOME": f"{folder}/airflow",
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws.connection),
            "AIRFLOW_CONN_SHOP_POSTGRES": json.dumps(local_shop.connection(config)),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        postgres.ensure_databases(config, [local_shop.DATABASE])
        local_shop.create(config)
        for count in counts:
            with psycopg.connect(postgres.url(config, local_shop.DATABASE), autocommit=True) as owner:
                owner.execute("truncate shop.orders")
                owner.execute(_ORDERS, (count,))
                owner.execute("analyze shop.orders")
                owner.execute("checkpoint")
            done = subprocess.run(
                [sys.executable, "-c", EXTRACT, json.dumps(sys.path[:3]), DAY],
                env=environ,
                cwd=REPO,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", file=sys.stderr)
                return 1
            found = json.loads(done.stdout.splitlines()[-1])
            listed = aws.client("s3").list_objects_v2(Bucket="ecommerce-dwh-dev-raw", Prefix="orders/")[
                "Contents"
            ]
            size = sum(entry["Size"] for entry in listed) / 1e6
            assert found["rows"] == count, found
            print(
                f"{count:>12,} {found['seconds']:>9.1f} {count / found['seconds']:>10,.0f} {size:>8.0f} "
                f"{found['peak']:>9.0f} {found['before']:>13.0f}",
                flush=True,
            )
    return 0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


_ORDERS = f"""
insert into shop.orders (
    order_id, customer_id, order_date, order_status, payment_method, shipping_city, shipping_state,
    shipping_postal_code, shipping_country, subtotal, tax, shipping_cost, discount, total_amount, currency, updated_at,
    changed_at
)
select 'O' || lpad(n::text, 12, '0'), 'C' || lpad((n * 7919 %% 1000003)::text, 9, '0'),
    moment, (array['placed', 'shipped', 'delivered', 'cancelled'])[1 + n %% 4],
    (array['upi', 'card', 'cod'])[1 + n %% 3], (array['Pune', 'Mumbai', 'Chennai', 'Delhi'])[1 + n * 31 %% 4],
    'Maharashtra', (400000 + n * 17 %% 99999)::text, 'India', n * 37 %% 500000 / 100.0, n * 11 %% 9000 / 100.0, 49.00,
    0, n * 41 %% 500000 / 100.0, 'INR', moment, moment
from generate_series(1::bigint, %s::bigint) as n, lateral (
    select '{DAY}'::timestamptz + (n %% 86400) * interval '1 second' as moment
) as clock
"""

if __name__ == "__main__":
    sys.exit(main([int(float(text)) for text in sys.argv[1:]] or [1_000_000, 10_000_000]))
