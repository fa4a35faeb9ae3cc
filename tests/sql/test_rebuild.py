"""A rebuild from history gives what the increments gave: nothing drifts."""

from __future__ import annotations

from comparing import content, state
from harness import MERGES, REFRESH, Row, Warehouse, load_of
from hypothesis import given, settings
from worlds import DAYS, Day, Run, by_source, examples, histories


def aggregates(warehouse: Warehouse) -> dict[str, list[Row]]:
    tables = warehouse.rows(
        "select schemaname || '.' || tablename as name from pg_tables where tablename like 'agg%' order by 1"
    )
    return {row["name"]: warehouse.rows(f"select * from {row['name']}") for row in tables}


def everything(warehouse: Warehouse) -> dict[str, object]:
    return {name: content(rows) for name, rows in (state(warehouse) | aggregates(warehouse)).items()}


@settings(max_examples=examples(0.4))
@given(steps=histories(most_runs=3))
def test_rebuilds_change_nothing(warehouse: Warehouse, steps: list[tuple[Run, dict[int, Day]]]) -> None:
    warehouse.reset()
    for run, files in steps:
        load = warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
    before = everything(warehouse)

    warehouse.run("maintenance/rebuild_analytics.sql", None, warehouse.quick)
    warehouse.run(REFRESH, load, warehouse.quick)
    assert everything(warehouse) == before

    warehouse.run("maintenance/rebuild_warehouse.sql", load, warehouse.quick)
    for file in MERGES:
        warehouse.run(file, load, warehouse.quick)
    warehouse.publish(load_of(DAYS[0], DAYS[-1]), warehouse.quick)
    assert everything(warehouse) == before
