"""Every name, bucket and limit of the deployment, in one place.

Values come from Airflow configuration options of the section ``[ecommerce_dwh]`` given as environment
variables (``AIRFLOW__ECOMMERCE_DWH__<KEY>``), which is how Amazon MWAA passes a configuration option
``ecommerce_dwh.<key>`` to its components. Nothing here imports Airflow, so Glue packaging, the local stack and
the documentation generators read the same names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote
from zoneinfo import available_timezones

from ecommerce_dwh.limits import DEFAULT_LIMITS, RawLimits, read_limits
from ecommerce_dwh.options import OptionError, check_options, choice, parsed, read_options, text, whole

PROJECT = "ecommerce-dwh"
SECTION = "ecommerce_dwh"

_ENV_PREFIX = "AIRFLOW__ECOMMERCE_DWH__"
_DAY, _YEAR = 24 * 60, 366 * 24 * 60  # in minutes


class SettingsError(OptionError):
    """A configuration option has a value that cannot be used, or the folder that it names is not usable."""


def _default_include_dir() -> Path:
    """``include/`` beside ``plugins/`` in a checkout, or in the DAGs folder where only that one is synced."""
    here = Path(__file__).resolve()
    candidates = [here.parents[2] / "include", here.parents[2] / "dags" / "include", here.parent / "include"]
    return next((path for path in candidates if (path / "sql").is_dir()), candidates[0])


def _object_url(pattern: str) -> str:
    """A pattern that `Settings.url_of` can fill.

    Raises:
        ValueError: it has other placeholders, or none for the key.
    """
    try:
        filled = pattern.format(bucket="bucket", key="a-key", region="region")
    except (LookupError, ValueError, AttributeError):
        filled = ""
    if "a-key" not in filled:
        raise ValueError
    return pattern


def _zone(name: str) -> str:
    """The name of a time zone.

    Raises:
        ValueError: there is no such zone.
    """
    if name != "UTC" and name not in available_timezones():
        raise ValueError
    return name


@dataclass(frozen=True)
class Settings:
    """Deployment settings; all derived names follow ``ecommerce-dwh-{env}-<thing>``.

    Each option is described where it is declared; ``docs/settings.md`` lists them.
    """

    env: str = text(
        "dev",
        "name of the deployment, part of every AWS resource's name",
        pattern=r"[a-z][a-z0-9]{1,9}",
        allowed="a short lower-case name such as 'dev' or 'prod'",
    )
    region: str = text("ap-south-1", "AWS region")
    account_suffix: str = text(
        "", "appended to bucket names where the plain name is taken, such as `-123456789012`"
    )
    alert_email: str = text(
        "data-eng@company.com",
        "addressees of failure, gate and deadline mails, separated by commas or semicolons",
    )
    warning_mail: str = choice(
        "daily",
        "`daily`: a mail with the warnings of each day that is loaded, except in backfills and replays; `off`: none, "
        "the Data quality page has them",
        ("daily", "off"),
    )
    copy_iam_role: str = text(
        "default", "ARN of the IAM role of Redshift's COPY, or `default` for the cluster's default role"
    )
    poll_seconds: int = whole(
        30,
        "seconds between two looks at a Glue run, a crawler, the raw folder or a quality report",
        least=1,
        most=3600,
    )
    defer_after_seconds: int = whole(
        20,
        "seconds that a task waits on its worker before it hands the waiting to the triggerer; a "
        "hand-over costs a few seconds, a waiting worker costs its slot; negative: never",
        least=-86_400,
        most=86_400,
    )
    retry_delay_seconds: int = whole(
        60, "seconds before a failed task is tried again, doubled for each further try", least=0, most=86_400
    )
    raw_timeout_minutes: int = whole(
        60, "minutes for which the daily run waits for the required raw files", least=0, most=_YEAR
    )
    deadline_minutes: int = whole(
        120,
        "minutes after the scheduled start at which an unfinished run raises the deadline alert",
        least=0,
        most=_YEAR,
    )
    max_lag_hours: int = whole(
        30,
        "hours since the end of the published day at which its analytics count as stale",
        least=0,
        most=366 * 24,
    )
    warehouse_hours: str = text(
        "",
        "between which times of day, in UTC, the warehouse is up, such as `01:00-14:30`; Terraform sets it to the "
        "cluster's pause schedule, and the freshness watch does not ask outside; empty: always",
        pattern=r"((?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9])?",
        allowed="two times of day in UTC such as '01:00-14:30', or nothing",
    )
    business_timezone: str = parsed(
        "UTC",
        "time zone of the business: the day of an order or a web event, and with it its month, cohort and funnel, is "
        "the day there; timestamps and delivery folders stay UTC. A change needs "
        "`maintenance/rebuild_warehouse.sql`",
        _zone,
        allowed="a name of the IANA time zone database, spelled as there, such as 'Asia/Kolkata'",
    )
    reporting_currency: str = text(
        "",
        "currency of all revenue, an ISO 4217 code: orders in another currency are loaded, stay outside of every "
        "revenue metric and are listed by an audit; an order without a currency is in this one. Empty: amounts of all "
        "orders are added as they are, and an audit warns of a second currency. A change needs "
        "`maintenance/rebuild_warehouse.sql`",
        pattern=r"([A-Z]{3})?",
        allowed="three capital letters such as 'INR', or nothing",
    )
    sns_topic_arn: str = text("", "ARN of an SNS topic that gets every alert as well; empty: none")
    runbook_url: str = text(
        "https://company.example/ecommerce-dwh/runbooks", "base URL of the runbooks; alerts append `#<alert>`"
    )
    object_url: str = parsed(
        "https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={key}",
        "how a person opens an object of S3 in a browser",
        _object_url,
        allowed="a URL with {key}, and no placeholder besides {bucket}, {key} and {region}",
    )
    daily_trigger: str = choice(
        "time",
        "what starts the daily load: `time` (02:00 UTC), or `assets` (as soon as "
        "`ecommerce_dwh_ingest` has brought all sources of a day)",
        ("time", "assets"),
    )
    ingest_overlap_minutes: int = whole(
        60,
        "minutes of the day before that an extraction brings again, for transactions that commit late",
        least=0,
        most=_DAY,
    )
    raw_limits: RawLimits = parsed(
        DEFAULT_LIMITS,
        "how large one raw file may be (`ecommerce_dwh.limits`)",
        read_limits,
        allowed="`name=number` pairs separated by commas",
    )
    include_dir: Path = parsed(
        Path("include"),
        "folder that holds `sql/`, `glue/` and `sources/`",
        Path,
        allowed="a path",
        absent=_default_include_dir,
    )

    def __post_init__(self) -> None:
        try:
            check_options(self, SECTION)
        except OptionError as error:
            raise SettingsError(str(error)) from None

    @property
    def prefix(self) -> str:
        """``ecommerce-dwh-{env}``, the stem of every AWS resource name."""
        return f"{PROJECT}-{self.env}"

    def bucket(self, purpose: str) -> str:
        """Bucket name for ``raw``, ``processed``, ``scripts`` or ``logs``."""
        return f"{self.prefix}-{purpose}{self.account_suffix}"

    @property
    def raw_bucket(self) -> str:
        return self.bucket("raw")

    @property
    def processed_bucket(self) -> str:
        return self.bucket("processed")

    @property
    def scripts_bucket(self) -> str:
        return self.bucket("scripts")

    @property
    def logs_bucket(self) -> str:
        return self.bucket("logs")

    @property
    def crawler(self) -> str:
        return f"{self.prefix}-raw-data-crawler"

    @property
    def processing_job(self) -> str:
        return f"{self.prefix}-data-processing"

    @property
    def quality_job(self) -> str:
        return f"{self.prefix}-data-quality"

    @property
    def erasure_job(self) -> str:
        return f"{self.prefix}-data-erasure"

    @property
    def catalog_database(self) -> str:
        """Glue Data Catalog database of the raw tables (underscores: Athena-friendly)."""
        return f"{self.prefix}-raw".replace("-", "_")

    @property
    def cluster(self) -> str:
        return f"{self.prefix}-cluster"

    @property
    def database(self) -> str:
        """Redshift database name."""
        return f"{PROJECT}-{self.env}".replace("-", "_")

    def url_of(self, bucket: str, key: str) -> str:
        """The URL under which a person opens an object of S3 in a browser."""
        return self.object_url.format(bucket=bucket, key=quote(key), region=self.region)

    @property
    def sql_dir(self) -> Path:
        return self.include_dir / "sql"

    @property
    def sources_dir(self) -> Path:
        return self.include_dir / "sources"

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources: those that have a contract.

        Raises:
            SettingsError: there is no contract.
        """
        names = tuple(sorted(path.stem for path in self.sources_dir.glob("*.yaml")))
        if not names:
            raise SettingsError(
                f"there is no source contract in {self.sources_dir}; [ecommerce_dwh] include_dir must name the folder "
                "that holds sources/ and sql/"
            )
        return names


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from environment variables.

    Raises:
        SettingsError: an option holds a value that cannot be used.
    """
    try:
        values = read_options(Settings, environ, _ENV_PREFIX, SECTION)
    except OptionError as error:
        raise SettingsError(str(error)) from None
    return Settings(**values)


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return load_settings(os.environ)
