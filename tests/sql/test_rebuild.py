"""A rebuild from history gives what the increments gave: nothing drifts."""

from __future__ import annotations

from comparing import content, state
from harness import MERGES, REFRESH, VIEWS, Row, Warehouse, load_of
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import DAYS, Day, Run, by_source, examples, histories


def aggregates(warehouse: Warehouse) -> dict[str, list[Row]]:
    tables = warehouse.rows(
        "select schemaname || '.' || tablename as name from pg_tables where tablename like 'agg%' order by 1"
    )
    return {row["name"]: warehouse.rows(f"select * from {row['name']}") for row in tables}


def everything(warehouse: Warehouse) -> dict[str, object]:
    return {name: content(rows) for name, rows in (state(warehouse) | aggregates(warehouse)).items()}


def published(warehouse: Warehouse) -> dict[str, object]:
    """What readers of analytics see."""
    return {view: content(warehouse.rows(f"select * from analytics.{view}")) for view in VIEWS}


@settings(max_examples=examples(0.4))
@given(steps=histories(most_runs=3))
def test_rebuilds_change_nothing(warehouse: Warehouse, steps: list[tuple[Run, dict[int, Day]]]) -> None:
    warehouse.reset()
    for run, files in steps:
        load = warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
    before = everything(warehouse)
    shown = published(warehouse)

    warehouse.run("maintenance/rebuild_analytics.sql", None, warehouse.quick)
    assert published(warehouse) == shown
    warehouse.run(REFRESH, load, warehouse.quick)
    assert everything(warehouse) == before

    warehouse.run("maintenance/rebuild_warehouse.sql", load, warehouse.quick)
    for file in MERGES:
        warehouse.run(file, load, warehouse.quick)
    assert published(warehouse) == shown
    warehouse.publish(load_of(DAYS[0], DAYS[-1]), warehouse.quick)
    assert everything(warehouse) == before


@settings(max_examples=examples(0.2))
@given(steps=histories(most_runs=3), rebuilt=st.integers(0, len(MERGES)))
def test_a_run_in_the_middle_of_a_rebuild_completes_it(
    warehouse: Warehouse, steps: list[tuple[Run, dict[int, Day]]], rebuilt: int
) -> None:
    warehouse.reset()
    for number, (run, files) in enumerate(steps):
        if number == len(steps) - 1:
            load = load_of(DAYS[0], DAYS[-1])
            for file in ("maintenance/rebuild_warehouse.sql", *MERGES[:rebuilt]):
                warehouse.run(file, load, warehouse.quick)
        warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
    found = everything(warehouse)

    warehouse.reset()
    for run, files in steps:
        warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
    assert everything(warehouse) == found
