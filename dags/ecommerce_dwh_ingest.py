"""### Extracts the shop's changes

Extracts the rows that changed in the shop's operational PostgreSQL on the day that ended (or on a range of days, see
the Params) to the raw bucket, for shops that do not deliver files.

1. **check_shop_schema**: compares the shop's tables with the source contracts; a missing column, or one of another
   type, fails the run before the extraction
2. **extract**: all five sources from one snapshot of the shop, streamed into
   `<source>/dt=<day>/shop-00000.csv.gz`; a source without changes gets `_EMPTY`. A source's files appear when all
   sources of the day are extracted

A row belongs to the day of its watermark (`extract` in `include/sources`). The last hour of the day before is extracted
again, because of transactions that committed late. A repetition replaces the day's files, unless they hold more rows
than the shop: rows that changed later have moved to a later day, and their earlier versions would be lost. The Param
*Replace fuller days* replaces the files anyway.

Each source's asset (`raw.orders`, …) gets an event with the day as partition. With the option `daily_trigger =
assets` these events start `ecommerce_dwh_daily`; otherwise its schedule does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.lake.ingest_task import ShopExtractOperator, ShopSchemaOperator, ingest_params

with DAG(
    dag_id="ecommerce_dwh_ingest",
    dag_display_name="E-commerce warehouse: ingest",
    description="Extracts a day's changes from the shop's PostgreSQL to the raw bucket",
    doc_md=__doc__,
    # Half an hour after midnight: late commits are in, and the daily load at 02:00 finds its files.
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone="UTC"),
    start_date=datetime(2009, 1, 1, tzinfo=UTC),
    params=ingest_params(),
    tags=["ecommerce-dwh", "daily", "tier-1"],
    **dag_arguments(),
) as dag:
    check_shop_schema = ShopSchemaOperator(task_id="check_shop_schema", execution_timeout=timedelta(minutes=5))
    extract = ShopExtractOperator(task_id="extract", execution_timeout=timedelta(hours=3))

    check_shop_schema >> extract
