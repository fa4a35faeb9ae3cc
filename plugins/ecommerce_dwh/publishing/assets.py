"""The published tables and views as Airflow assets."""

from __future__ import annotations

from airflow.sdk import Asset

from ecommerce_dwh.settings import Settings, get_settings
from ecommerce_dwh.warehouse import sql_files

_DIMENSIONS = ("dim_customer", "dim_product", "dim_geography", "dim_date")
_VIEWS = (
    "customer_360",
    "product_performance",
    "monthly_sales_trends",
    "geographic_sales",
    "category_performance",
    "customer_cohorts",
    "sales_funnel",
    "sales_statement",
    "daily_sales",
    "monthly_statement",
    "order_statement",
    "order_reconciliation",
)


def published_tables() -> dict[str, tuple[str, ...]]:
    """Every table and view that other DAGs may wait for, by schema; facts are those that have a merge."""
    facts = tuple(sql_files.merges("facts"))
    return {"dimensions": _DIMENSIONS, "facts": facts, "analytics": _VIEWS}


def table_asset(schema: str, table: str, settings: Settings | None = None) -> Asset:
    """The asset of a warehouse table, for example ``facts.fact_sales``; users' DAGs schedule on it."""
    settings = settings or get_settings()
    return Asset(
        name=f"{schema}.{table}",
        uri=f"redshift://{settings.cluster}:5439/{settings.database}/{schema}/{table}",
        group="ecommerce_dwh",
    )


def published_assets() -> list[Asset]:
    """The assets that a daily run updates. The calendar is the bootstrap's."""
    return [
        table_asset(schema, table)
        for schema, tables in published_tables().items()
        for table in tables
        if table != "dim_date"
    ]
