"""What maintenance decides: tables, files, buckets, runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ecommerce_dwh.care.maintenance import (
    TableHealth,
    gather_folders,
    judge_run,
    lifecycle_findings,
    owner_of,
    plan_care,
    plan_removals,
)

NOW = datetime(2026, 3, 8, 10, tzinfo=UTC)
RULE = {"Status": "Enabled", "ID": "old-versions", "NoncurrentVersionExpiration": {"NoncurrentDays": 14}}


def table(name="t", stored=10_000, visible=10_000, unsorted=0.0, stats_off=0.0):
    return TableHealth("facts", name, stored, visible, 10, unsorted, stats_off)


@pytest.mark.parametrize(
    ("health", "statements"),
    [
        (table(), ()),
        (table(visible=8_900), ('vacuum delete only "facts"."t"', 'analyze "facts"."t"')),
        (table(unsorted=11), ('vacuum sort only "facts"."t"', 'analyze "facts"."t"')),
        (table(visible=8_900, unsorted=11), ('vacuum full "facts"."t"', 'analyze "facts"."t"')),
        (table(stats_off=10), ('analyze "facts"."t"',)),
        (table(visible=9_100, unsorted=9.9, stats_off=9.9), ()),
        (table(stored=999, visible=1, stats_off=100), ()),
        (table(stored=0, visible=0, stats_off=100), ()),
    ],
)
def test_tables_are_cared_for_by_need(health, statements):
    plans = plan_care([health], vacuum_percent=10, analyze_percent=10, min_rows=1000)

    assert [plan.statements for plan in plans] == ([statements] if statements else [])


def test_the_largest_table_comes_first_and_says_why():
    tables = [table("small", 2_000, 2_000, stats_off=50), table("big", 9_000, 100, unsorted=30, stats_off=50)]
    plans = plan_care(tables, vacuum_percent=10, analyze_percent=10, min_rows=1000)

    assert [plan.health.table for plan in plans] == ["big", "small"]
    assert plans[0].why == "99 % deleted, 30 % unsorted, statistics 50 % off"


def entry(key, days_old, size=100):
    return {"Key": key, "Size": size, "LastModified": NOW - timedelta(days=days_old)}


def removed(entries, named=()):
    plans = plan_removals(
        gather_folders(entries).values(),
        named,
        NOW,
        min_age=timedelta(days=7),
        keep_accepted=timedelta(days=90),
        keep_quarantine=timedelta(days=400),
    )
    return {plan.folder.prefix: plan.why for plan in plans}


def test_only_old_folders_that_no_manifest_names_go():
    used = "accepted/orders/run=r1/try=b/dt=2026-01-01/x.parquet"
    entries = [
        entry("accepted/orders/run=r1/try=a/dt=2026-01-01/x.parquet", 30),
        entry(used, 30),
        entry("accepted/orders/run=r2/try=c/dt=2026-01-02/x.parquet", 6),  # may still be written
        entry("ledger/run=r1/try=a/x.parquet", 30),
        entry("check_results/run=r1/try=a/x.parquet", 30),
        entry("quality/dt=2026-01-01/report.json", 900),
        entry("runs/r1/processing.json", 900),
    ]

    assert removed(entries, [used]) == {
        "accepted/orders/run=r1/try=a/": "no manifest names it",
        "check_results/run=r1/try=a/": "no manifest names it",
        "ledger/run=r1/try=a/": "no manifest names it",
    }


def test_a_folder_is_as_young_as_its_newest_file():
    folder = "accepted/orders/run=r1/try=a/dt=2026-01-01"

    assert removed([entry(f"{folder}/x", 30), entry(f"{folder}/y", 1)]) == {}


def test_loaded_and_quarantined_files_go_after_their_retention():
    used = "accepted/orders/run=r1/try=b/dt=2026-01-01/x.parquet"
    old = "quarantine/source=orders/run=r0/dt=2025-01-01/x.parquet"
    young = "quarantine/source=orders/run=r1/dt=2026-01-01/x.parquet"

    assert removed([entry(used, 91), entry(old, 401), entry(young, 399)], [used]) == {
        "accepted/orders/run=r1/try=b/": "loaded 91 days ago",
        "quarantine/source=orders/run=r0/": "quarantined 401 days ago",
    }


@pytest.mark.parametrize(
    ("rules", "is_raw", "versioned", "severities"),
    [
        ([RULE], False, True, []),
        ([], False, True, ["warning"]),
        ([{**RULE, "Status": "Disabled"}], False, True, ["warning"]),
        ([], False, False, []),
        ([RULE], True, True, []),
        ([RULE, {"Status": "Enabled", "ID": "x", "Expiration": {"Days": 365}}], True, True, ["error"]),
        (
            [RULE, {"Status": "Enabled", "ID": "x", "Expiration": {"ExpiredObjectDeleteMarker": True}}],
            True,
            True,
            [],
        ),
        ([RULE, {"Status": "Disabled", "ID": "x", "Expiration": {"Days": 365}}], True, True, []),
        ([], True, False, ["warning"]),
    ],
)
def test_a_rule_that_deletes_raw_files_is_an_error(rules, is_raw, versioned, severities):
    found = lifecycle_findings("b", rules, is_raw=is_raw, is_versioned=versioned)

    assert [severity for severity, _ in found] == severities


UUID = "ecommerce_dwh_daily:process_data:scheduled__2026-03-01T02:00:00+00:00:-1"


def test_the_owner_of_a_run_is_in_its_arguments():
    assert owner_of({"--airflow_task_uuid": UUID}) == (
        "ecommerce_dwh_daily",
        "process_data",
        "scheduled__2026-03-01T02:00:00+00:00",
    )
    assert owner_of({}) is None
    assert owner_of(None) is None


@pytest.mark.parametrize(
    ("arguments", "state", "hours", "why"),
    [
        ({"--airflow_task_uuid": UUID}, "running", 50, None),
        ({"--airflow_task_uuid": UUID}, "deferred", 50, None),
        ({"--airflow_task_uuid": UUID}, "up_for_retry", 1, None),
        ({"--airflow_task_uuid": UUID}, "failed", 1, "its task is failed"),
        ({"--airflow_task_uuid": UUID}, None, 1, "its task is gone"),
        ({}, None, 1, None),
        ({}, None, 13, "started by hand 13:00:00 ago"),
    ],
)
def test_a_run_without_a_live_task_is_an_orphan(arguments, state, hours, why):
    run = {"Id": "jr_1", "Arguments": arguments, "StartedOn": NOW - timedelta(hours=hours)}
    found = judge_run("job", run, state, NOW, by_hand_limit=timedelta(hours=12))

    assert (found.why if found else None) == why
