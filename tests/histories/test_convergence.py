"""The warehouse is a function of the files that were loaded last (G1), and its ledger adds up (G4).

Random histories of all sources run through the whole chain, in any order of days, as ranges or single days, with
repetitions and corrected files; after each run dimensions, facts, views and ledger must equal the model.
"""

from __future__ import annotations

from datetime import date

from comparing import check, content, state
from harness import Warehouse, load_of
from hypothesis import given, note, settings
from hypothesis import strategies as st
from worlds import DAYS, Day, Run, by_source, day_files, examples, histories

from ecommerce_dwh.warehouse.sql_files import WHOLE_AUDITS

Steps = list[tuple[Run, dict[int, Day]]]


def load(warehouse: Warehouse, run: Run, files: dict[int, Day]) -> date:
    warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
    return DAYS[run.last]


@given(steps=histories())
def test_every_run_leaves_what_the_model_says(warehouse: Warehouse, steps: Steps) -> None:
    warehouse.reset()
    published = None
    for number, (run, files) in enumerate(steps):
        note(f"run {number}: {DAYS[run.first]} … {DAYS[run.last]}")
        last = load(warehouse, run, files)
        published = max(published or last, last)
        check(warehouse, published)
    assert not warehouse.audit(load_of(DAYS[0], DAYS[-1]), files=WHOLE_AUDITS)


@settings(max_examples=examples(0.2))
@given(files=st.fixed_dictionaries({n: day_files() for n in range(3)}), data=st.data())
def test_any_order_and_repetition_of_days_converges(
    warehouse: Warehouse, files: dict[int, Day], data: st.DataObject
) -> None:
    outcomes = []
    for _ in range(2):
        warehouse.reset()
        order = data.draw(st.permutations(sorted(files)))
        repeated = data.draw(st.lists(st.sampled_from(sorted(files)), max_size=2))
        for day in (*order, *repeated):
            load(warehouse, Run(day, day), {day: files[day]})
        outcomes.append({name: content(rows) for name, rows in state(warehouse).items()})
    warehouse.reset()
    load(warehouse, Run(0, 2), files)
    outcomes.append({name: content(rows) for name, rows in state(warehouse).items()})
    assert outcomes[0] == outcomes[1] == outcomes[2]
