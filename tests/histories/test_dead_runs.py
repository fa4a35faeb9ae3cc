"""A run may die between any two tasks (G2): whoever runs next finishes the work.

Deaths within a transaction are in tests/sql/test_crash.py and in test_machine.py.
"""

from __future__ import annotations

from datetime import date

from comparing import check
from harness import MERGES, REFRESH, Warehouse, load_of
from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_crash import FILES
from worlds import DAYS, Day, Run, by_source, examples, histories

Step = tuple[Run, dict[int, Day]]


@settings(max_examples=examples(0.5))
@given(steps=histories(most_runs=3), data=st.data())
def test_whoever_runs_next_finishes_what_a_dead_run_left(
    warehouse: Warehouse, steps: list[Step], data: st.DataObject
) -> None:
    warehouse.reset()
    published: date | None = None
    for run, files in steps:
        first, last = DAYS[run.first], DAYS[run.last]
        before = dict(warehouse.slices)
        load = warehouse.stage(first, last, by_source(files))
        dead_at = data.draw(st.integers(0, len(FILES)))
        note(f"{first} … {last} ended before step {dead_at}")
        for file in FILES[:dead_at]:
            if file == REFRESH:
                warehouse.audit(load, warehouse.quick)
            warehouse.run(file, load, warehouse.quick)
        if dead_at == 0:
            warehouse.slices = before  # history never saw these files
        else:
            published = max(published or last, last)
    if published is None:
        return
    load = load_of(DAYS[0], DAYS[0], "the next run, of no days yet")
    for file in MERGES:
        warehouse.run(file, load, warehouse.quick)
    warehouse.publish(load, warehouse.quick)
    check(warehouse, published)
