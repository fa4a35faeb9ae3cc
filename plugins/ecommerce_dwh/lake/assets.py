"""Raw files as Airflow assets."""

from __future__ import annotations

from airflow.sdk import Asset

from ecommerce_dwh.settings import Settings, get_settings


def raw_asset(source: str, settings: Settings | None = None) -> Asset:
    """The asset of a source's raw files; an event's partition is the day that was delivered."""
    settings = settings or get_settings()
    return Asset(name=f"raw.{source}", uri=f"s3://{settings.raw_bucket}/{source}/", group="ecommerce_dwh")
