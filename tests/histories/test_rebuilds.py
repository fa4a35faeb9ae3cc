"""A rebuild from history gives what the increments gave, after any history and with a run in the middle of it."""

from __future__ import annotations

from harness import MERGES, REFRESH, Warehouse, load_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rebuild import everything, published
from worlds import DAYS, Day, Run, by_source, examples, histories


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
