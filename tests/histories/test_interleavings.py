"""Two runs at once never corrupt each other (G6), whatever the order of their transactions.

Every transaction locks the queue first, so the order of whole transactions is all that can differ: Hypothesis chooses
it. Real threads with real waiting are tried as well, on fewer histories.
"""

from __future__ import annotations

import threading

from comparing import check
from harness import Load, Warehouse
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from test_concurrency import AUDIT, STEPS, persistently, step
from worlds import DAYS, Day, by_source, day_files, examples

REFRESH = STEPS[-1]


@settings(max_examples=examples(0.7))
@given(
    first=day_files(),
    one=day_files(),
    two=day_files(),
    order=st.permutations([0] * len(STEPS) + [1] * len(STEPS)),
)
def test_interleaved_runs_converge(
    warehouse: Warehouse, first: Day, one: Day, two: Day, order: list[int]
) -> None:
    warehouse.reset()
    warehouse.load(DAYS[0], DAYS[0], by_source({0: first}), warehouse.quick)
    loads = [warehouse.stage(DAYS[n], DAYS[n], by_source({n: files})) for n, files in ((1, one), (2, two))]
    waiting: list[list[str]] = [list(STEPS), list(STEPS)]
    for run in order:
        name = waiting[run][0]
        if step(warehouse, name, loads[run], warehouse.quick):
            waiting[run].pop(0)
        else:
            note(f"run {run}: {name} has to wait")
            if name == REFRESH:
                waiting[run].insert(0, AUDIT)
    for _ in range(3):
        for run in (0, 1):
            while waiting[run] and step(warehouse, waiting[run][0], loads[run], warehouse.quick):
                waiting[run].pop(0)
            if waiting[run][:1] == [REFRESH]:
                waiting[run].insert(0, AUDIT)
    assert waiting == [[], []], f"runs did not end: {waiting}"
    check(warehouse, DAYS[2])


@settings(max_examples=examples(0.15), phases=[Phase.generate])  # threads do not repeat themselves
@given(files=st.fixed_dictionaries({n: day_files() for n in range(4)}))
def test_two_runs_in_threads_converge(warehouse: Warehouse, files: dict[int, Day]) -> None:
    warehouse.reset()
    windows = ((0, 1), (2, 3))
    loads = [
        warehouse.stage(DAYS[a], DAYS[b], by_source({n: files[n] for n in range(a, b + 1)})) for a, b in windows
    ]
    problems: list[BaseException] = []

    def whole_run(load: Load) -> None:
        session = warehouse.connect()
        try:
            for name in STEPS[:-2]:
                persistently(lambda name=name: step(warehouse, name, load, session))  # type: ignore[misc]
            persistently(
                lambda: step(warehouse, AUDIT, load, session) and step(warehouse, REFRESH, load, session)
            )
        except BaseException as error:
            problems.append(error)
        finally:
            session.close()

    threads = [threading.Thread(target=whole_run, args=(load,)) for load in loads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    check(warehouse, DAYS[3])
