"""Every name, bucket and limit of the deployment, in one place.

Values come from Airflow configuration options of the section ``[ecommerce_dwh]`` given as environment
variables (``AIRFLOW__ECOMMERCE_DWH__<KEY>``), which is how Amazon MWAA passes a configuration option
``ecommerce_dwh.<key>`` to its components. Nothing here imports Airflow, so Glue packaging, the local stack and
the documentation generators read the same names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from ecommerce_dwh.lake.limits import DEFAULT_LIMITS, RawLimits, RawLimitsError, read_limits

PROJECT = "ecommerce-dwh"

_ENV_PREFIX = "AIRFLOW__ECOMMERCE_DWH__"


class SettingsError(ValueError):
    """A configuration option has a value that cannot be used; the message names the option and the mend."""


@dataclass(frozen=True)
class Settings:
    """Deployment settings; all derived names follow ``ecommerce-dwh-{env}-<thing>``.

    Attributes:
        env: deployment name, ``dev`` or ``prod``.
        region: AWS region.
        account_suffix: appended to bucket names where the plain name is taken, for example ``-123456789012``.
        alert_email: where failure, gate and deadline mails go.
        copy_iam_role: IAM role ARN of Redshift COPY, or ``default`` for the cluster's default role.
        poll_seconds: seconds between two looks at a Glue run, crawler, raw folder or quality report.
        defer_after_seconds: how long a task waits on its worker before it hands the waiting to the triggerer. A
            hand-over costs a few seconds, a waiting worker costs its slot; negative never hands over.
        retry_delay_seconds: pause before a failed task is tried again, doubled for each further try.
        raw_timeout_minutes: how long the daily run waits for the required raw files.
        deadline_minutes: minutes after the scheduled start at which an unfinished run raises the deadline
            alert.
        max_lag_hours: hours since the end of the published day at which its analytics count as stale.
        sns_topic_arn: optional SNS topic that gets every alert as well.
        runbook_url: base URL of the runbooks; alerts append ``#<alert>``.
        object_url: how a person opens an object of S3 in a browser: a URL with ``{bucket}``, ``{key}``,
            ``{region}``.
        daily_trigger: what starts the daily load: ``time`` (02:00 UTC), or ``assets`` (as soon as
            `ecommerce_dwh_ingest` has brought all sources of a day).
        ingest_overlap_minutes: how much of the day before an extraction brings again, for late commits.
        raw_limits: how much one raw file may be, as ``name=number`` pairs separated by commas; names and defaults
            are in `ecommerce_dwh.lake.limits.RawLimits`.
        include_dir: folder that holds ``sql/``, ``glue/`` and ``sources/``.
    """

    env: str = "dev"
    region: str = "ap-south-1"
    account_suffix: str = ""
    alert_email: str = "data-eng@company.com"
    copy_iam_role: str = "default"
    poll_seconds: int = 30
    defer_after_seconds: int = 20
    retry_delay_seconds: int = 60
    raw_timeout_minutes: int = 60
    deadline_minutes: int = 120
    max_lag_hours: int = 30
    sns_topic_arn: str = ""
    runbook_url: str = "https://company.example/ecommerce-dwh/runbooks"
    object_url: str = "https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={key}"
    daily_trigger: str = "time"
    ingest_overlap_minutes: int = 60
    raw_limits: RawLimits = DEFAULT_LIMITS
    include_dir: Path = Path("include")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,9}", self.env):
            raise SettingsError(
                f"[ecommerce_dwh] env is {self.env!r}; use a short lower-case name such as 'dev' or 'prod'"
            )
        if self.poll_seconds < 1:
            raise SettingsError(f"[ecommerce_dwh] poll_seconds is {self.poll_seconds}; it must be 1 or more")
        if self.daily_trigger not in ("time", "assets"):
            raise SettingsError(
                f"[ecommerce_dwh] daily_trigger is {self.daily_trigger!r}; use 'time' or 'assets'"
            )
        if not 0 <= self.ingest_overlap_minutes <= 1440:
            raise SettingsError(
                f"[ecommerce_dwh] ingest_overlap_minutes is {self.ingest_overlap_minutes}; it must be 0 … 1440"
            )

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
        """Where a person reads an object of S3."""
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


def _default_include_dir() -> Path:
    """``include/`` beside ``plugins/`` in a checkout, or in the DAGs folder where only that one is synced."""
    here = Path(__file__).resolve()
    candidates = [here.parents[2] / "include", here.parents[2] / "dags" / "include", here.parent / "include"]
    return next((path for path in candidates if (path / "sql").is_dir()), candidates[0])


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from environment variables.

    Raises:
        SettingsError: an option holds a value that cannot be used.
    """

    def option(key: str, default: str) -> str:
        return environ.get(_ENV_PREFIX + key.upper(), default).strip()

    def number(key: str) -> int:
        text = option(key, str(getattr(Settings, key)))
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"[ecommerce_dwh] {key} is {text!r}; give a whole number") from None

    try:
        raw_limits = read_limits(option("raw_limits", ""))
    except RawLimitsError as error:
        raise SettingsError(f"[ecommerce_dwh] raw_limits: {error}") from None

    return Settings(
        env=option("env", Settings.env),
        region=option("region", Settings.region),
        account_suffix=option("account_suffix", Settings.account_suffix),
        alert_email=option("alert_email", Settings.alert_email),
        copy_iam_role=option("copy_iam_role", Settings.copy_iam_role),
        poll_seconds=number("poll_seconds"),
        defer_after_seconds=number("defer_after_seconds"),
        retry_delay_seconds=number("retry_delay_seconds"),
        raw_timeout_minutes=number("raw_timeout_minutes"),
        deadline_minutes=number("deadline_minutes"),
        max_lag_hours=number("max_lag_hours"),
        sns_topic_arn=option("sns_topic_arn", Settings.sns_topic_arn),
        runbook_url=option("runbook_url", Settings.runbook_url),
        object_url=option("object_url", Settings.object_url),
        daily_trigger=option("daily_trigger", Settings.daily_trigger),
        ingest_overlap_minutes=number("ingest_overlap_minutes"),
        raw_limits=raw_limits,
        include_dir=Path(option("include_dir", str(_default_include_dir()))),
    )


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return load_settings(os.environ)
