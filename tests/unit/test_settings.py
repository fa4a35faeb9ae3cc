"""Settings: names follow the deployment, values come from Airflow's configuration, bad ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecommerce_dwh.limits import FREE_BYTES, RawLimits, read_limits
from ecommerce_dwh.options import options_of
from ecommerce_dwh.settings import Settings, SettingsError, load_settings
from tools.generate import settings_page


def test_names_of_the_development_deployment_are_the_documented_ones():
    settings = load_settings({})

    assert settings.crawler == "ecommerce-dwh-dev-raw-data-crawler"
    assert settings.processing_job == "ecommerce-dwh-dev-data-processing"
    assert settings.quality_job == "ecommerce-dwh-dev-data-quality"
    assert settings.cluster == "ecommerce-dwh-dev-cluster"
    assert settings.database == "ecommerce_dwh_dev"
    assert settings.catalog_database == "ecommerce_dwh_dev_raw"
    assert [settings.bucket(p) for p in ("raw", "processed", "scripts", "logs")] == [
        "ecommerce-dwh-dev-raw",
        "ecommerce-dwh-dev-processed",
        "ecommerce-dwh-dev-scripts",
        "ecommerce-dwh-dev-logs",
    ]


def test_options_come_from_the_section_of_airflows_configuration():
    settings = load_settings(
        {
            "AIRFLOW__ECOMMERCE_DWH__ENV": "prod",
            "AIRFLOW__ECOMMERCE_DWH__ACCOUNT_SUFFIX": "-123456789012",
            "AIRFLOW__ECOMMERCE_DWH__POLL_SECONDS": " 5 ",
            "AIRFLOW__ECOMMERCE_DWH__DEFER_AFTER_SECONDS": "-1",
            "AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR": "/somewhere/include",
        }
    )

    assert settings.raw_bucket == "ecommerce-dwh-prod-raw-123456789012"
    assert settings.poll_seconds == 5
    assert settings.defer_after_seconds == -1
    assert settings.sql_dir == Path("/somewhere/include/sql")
    assert settings.sources_dir == Path("/somewhere/include/sources")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (
            "BUSINESS_TIMEZONE",
            "Asia/Bombay",
            "business_timezone is 'Asia/Bombay'; it must be a name of the IANA",
        ),
        ("BUSINESS_TIMEZONE", "asia/kolkata", "business_timezone is 'asia/kolkata'"),
        ("BUSINESS_TIMEZONE", "", "business_timezone is ''"),
        ("BUSINESS_TIMEZONE", "+05:30", r"business_timezone is '\+05:30'"),
        ("BUSINESS_TIMEZONE", "../../etc/passwd", "business_timezone is '../../etc/passwd'"),
        ("REPORTING_CURRENCY", "inr", "reporting_currency is 'inr'; it must be three capital letters"),
        ("REPORTING_CURRENCY", "INR'", "reporting_currency is"),
        ("POLL_SECONDS", "soon", "poll_seconds is 'soon'"),
        ("POLL_SECONDS", "0", "1 or more"),
        ("ENV", "Prod!", "env is 'Prod!'"),
        ("RAW_TIMEOUT_MINUTES", "", "raw_timeout_minutes is ''"),
        ("POLL_SECONDS", "1_0", "poll_seconds is '1_0'; it must be a whole number, 1 or more"),
        ("POLL_SECONDS", "٣", "poll_seconds is '٣'"),
        ("DEADLINE_MINUTES", "9" * 5000, "deadline_minutes is '999"),
        ("MAX_LAG_HOURS", "-1", "max_lag_hours is -1; it must be a whole number, 0 or more"),
        ("DAILY_TRIGGER", "noon", "daily_trigger is 'noon'; it must be 'time' or 'assets'"),
        ("INGEST_OVERLAP_MINUTES", "1441", "ingest_overlap_minutes is 1441; .* at most 1,440"),
        (
            "OBJECT_URL",
            "http://x/{bucket}/{name}",
            "object_url is 'http://x/{bucket}/{name}'; it must be a URL with {key}",
        ),
        ("OBJECT_URL", "http://x/{bucket", "object_url is"),
        ("OBJECT_URL", "http://x/{key.a}", "object_url is"),
        ("RAW_LIMITS", "rows=many", "raw_limits: 'rows=many': give a whole number"),
        ("RAW_LIMITS", "rows", "raw_limits: 'rows': give a whole number"),
        ("RAW_LIMITS", "lines=1", "raw_limits: 'lines=1': the limits are bytes, columns, depth, ratio, rows"),
        ("RAW_LIMITS", "ratio=0", "raw_limits: ratio=0: a limit is 1 or more"),
        ("RAW_LIMITS", "depth=501", "raw_limits: columns are at most 10,000, depth at most 500"),
    ],
)
def test_a_bad_value_is_refused_with_the_option_named(option, value, words):
    with pytest.raises(SettingsError, match=words):
        load_settings({f"AIRFLOW__ECOMMERCE_DWH__{option}": value})


def test_limits_of_raw_files_are_given_by_name():
    limits = load_settings({"AIRFLOW__ECOMMERCE_DWH__RAW_LIMITS": " rows=7, columns = 9,"}).raw_limits

    assert (limits.rows, limits.columns, limits.ratio) == (7, 9, RawLimits().ratio)
    assert read_limits(str(limits)) == limits
    assert read_limits("") == RawLimits()


def test_small_files_may_grow_and_large_ones_by_the_ratio():
    limits = RawLimits(ratio=10, bytes=1 << 30)

    assert [limits.expanded(size) for size in (1, 10 << 20, 1 << 30)] == [FREE_BYTES, 100 << 20, 1 << 30]


def test_the_include_folder_of_a_checkout_is_found_without_configuration():
    assert (load_settings({}).sql_dir / "ddl").is_dir()


def test_links_to_objects_are_those_of_the_console_unless_configured():
    assert Settings().url_of("b", "quality/dt=2026-01-01/r/report.html") == (
        "https://ap-south-1.console.aws.amazon.com/s3/object/b?region=ap-south-1"
        "&prefix=quality/dt%3D2026-01-01/r/report.html"
    )
    local = Settings(object_url="http://127.0.0.1:4566/{bucket}/{key}")
    assert local.url_of("b", "a b.html") == "http://127.0.0.1:4566/b/a%20b.html"


@pytest.mark.parametrize(("name", "default", "option"), options_of(Settings), ids=lambda value: str(value)[:30])
def test_every_option_is_read_from_its_variable_and_described(name, default, option):
    assert option.meaning
    assert option.allowed
    variable = {f"AIRFLOW__ECOMMERCE_DWH__{name.upper()}": f"  {default} "}
    assert getattr(load_settings(variable), name) == default


def test_the_page_of_options_is_current():
    page = (Path(__file__).resolve().parents[2] / settings_page.PAGE).read_text("utf-8")
    assert page == settings_page.page(), "run: make generate"
    for name, _, option in options_of(Settings):
        assert f"| `{name}` | " in page
        assert option.meaning in page
