"""The age of the published data, judged without any run of the daily DAG. Also a command, for cron:

    python -m ecommerce_dwh.publishing.freshness [--mail]

The command queries the warehouse through Airflow's connection ``redshift_default``. The exit code is 0 (fresh, or the
warehouse is paused by schedule), 1 (stale) or 2 (not known). The command needs no scheduler and therefore detects a
dead one; ``--mail`` notifies the alert list.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ecommerce_dwh.commands import quiet_airflow
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.state import ask_for_state

DAILY = "ecommerce_dwh_daily"


@dataclass(frozen=True)
class Freshness:
    """The published day, and whether it is recent enough.

    Attributes:
        published_day: the last published day; None while nothing was ever published.
        lag_hours: hours since its end.
        allowed_hours: hours from which it counts as stale.
    """

    published_day: date | None
    lag_hours: float
    allowed_hours: float

    @property
    def is_stale(self) -> bool:
        return self.published_day is not None and self.lag_hours > self.allowed_hours

    def __str__(self) -> str:
        if self.published_day is None:
            return "nothing was ever published"
        word = "STALE" if self.is_stale else "fresh"
        return (
            f"{word}: published up to {self.published_day}, {self.lag_hours:.1f} h since its end "
            f"({self.allowed_hours:g} h are allowed)"
        )


def lag_hours(published_day: date | None, now: datetime) -> float | None:
    """Hours since the end of the published day: how old the newest data of the analytics is."""
    if published_day is None:
        return None
    end = datetime.combine(published_day + timedelta(days=1), time.min, tzinfo=UTC)
    return max((now - end).total_seconds() / 3600, 0.0)


def judge(published_day: date | None, now: datetime, allowed_hours: float) -> Freshness:
    """The freshness of a published day at a moment."""
    return Freshness(published_day, lag_hours(published_day, now) or 0.0, allowed_hours)


def is_up(hours: str, now: datetime) -> bool:
    """Whether a warehouse is up at a moment.

    Args:
        hours: the setting ``warehouse_hours``: ``HH:MM-HH:MM`` in UTC, the end excluded; empty: always up.
        now: a moment with a time zone.
    """
    if not hours:
        return True
    resume, _, pause = hours.partition("-")
    clock = f"{now.astimezone(UTC):%H:%M}"
    return resume <= clock < pause if resume < pause else clock >= resume or clock < pause


def main(arguments: list[str] | None = None) -> int:
    """Query the warehouse and print how fresh it is; returns the exit code."""
    settings = get_settings()
    parser = argparse.ArgumentParser(
        prog="ecommerce_dwh.publishing.freshness", description="How old the published data is."
    )
    parser.add_argument(
        "--max-lag-hours",
        type=float,
        default=settings.max_lag_hours,
        help="hours that are allowed (%(default)s)",
    )
    parser.add_argument("--mail", action="store_true", help="send a mail when the data is stale")
    given = parser.parse_args(arguments)
    if not is_up(settings.warehouse_hours, datetime.now(UTC)):
        print(f"not asked: the warehouse is up at {settings.warehouse_hours} UTC only")
        return 0
    try:
        with quiet_airflow():
            published_day = ask_for_state().published_day
    except Exception as error:
        print(f"the warehouse did not answer: {error}", file=sys.stderr)
        return 2
    found = judge(published_day, datetime.now(UTC), given.max_lag_hours)
    print(found)
    if not found.is_stale:
        return 0 if found.published_day is not None else 2
    if given.mail:
        from ecommerce_dwh.alerts.mail import send
        from ecommerce_dwh.alerts.texts import stale_alert  # late import: needs Airflow's configuration

        why = "Found by the command ecommerce_dwh.publishing.freshness; Airflow itself may be down."
        if not send(stale_alert(DAILY, str(found.published_day), found.lag_hours, why=why)):
            print("the mail could not be sent", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
