"""Sixty days of history backfilled out of order, beside the daily run, give the same warehouse as one run over all."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from datetime import date, timedelta

from comparing import check, content, state
from harness import REFRESH, SOURCES, Files, Load, Row, Warehouse
from shop import customer, event, item, order, product
from test_concurrency import AUDIT, STEPS, persistently, step

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(60)]
TODAY = FIRST + timedelta(days=60)
_STATUS = ("pending", "shipped", "delivered", "cancelled")


def history(rng: random.Random) -> dict[date, dict[str, list[Row]]]:
    """Files of all days: customers move, prices change, lines arrive before and after their orders, orders change."""
    files: dict[date, dict[str, list[Row]]] = {day: defaultdict(list) for day in (*DAYS, TODAY)}
    places = [("Pune", "MH"), ("Delhi", "DL"), ("Kochi", "KL")]
    number = 0
    for day in files:
        for key in rng.sample(range(12), 2):
            city, region = rng.choice(places)
            files[day]["customers"].append(
                customer(f"c{key}", f"{day}T08:00", first_name="A", last_name=str(key), city=city, state=region)
            )
        for key in rng.sample(range(8), 2):
            price = rng.randint(100, 900)
            files[day]["products"].append(
                product(
                    f"p{key}",
                    f"{price}.50",
                    f"{price // 2}",
                    f"{day}T07:00",
                    product_name=f"P{key}",
                    category_name=f"cat{key % 3}",
                    stock_quantity=rng.randint(0, 50),
                )
            )
        for _ in range(3):
            number += 1
            key, buyer = f"o{number}", rng.choice([None, f"c{rng.randrange(12)}"])
            files[day]["orders"].append(
                order(key, buyer, f"{day}T10:{number % 60:02d}", order_status="pending", tax=f"{number % 7}.33")
            )
            changed = day + timedelta(days=rng.randint(1, 9))
            if changed in files:
                files[changed]["orders"].append(
                    order(
                        key,
                        buyer,
                        f"{day}T10:{number % 60:02d}",
                        f"{changed}T09:00",
                        order_status=rng.choice(_STATUS),
                        tax=f"{number % 7}.33",
                    )
                )
            for line in range(rng.randint(1, 3)):
                delivered = day + timedelta(days=rng.choice((0, 0, 0, -2, 3)))
                quantity = rng.choice((1, 2, 3, -1))
                files[delivered if delivered in files else day]["order_items"].append(
                    item(f"{key}-{line}", key, f"p{rng.randrange(9)}", quantity, f"{rng.randint(1, 99)}.25")
                )
        for _ in range(3):
            number += 1
            who = f"c{rng.randrange(12)}"
            files[day]["web_events"].append(
                event(
                    f"e{number}", rng.choice(("page_view", "purchase")), f"{day}T11:00", f"s{number % 20}", who
                )
            )
    return files


def by_source(days: dict[date, dict[str, list[Row]]]) -> Files:
    return {source: {day: rows.get(source, []) for day, rows in days.items()} for source in SOURCES}


def outcome(warehouse: Warehouse) -> dict[str, object]:
    return {name: content(rows) for name, rows in state(warehouse).items()}


def test_sixty_days_out_of_order_equal_one_ranged_run(warehouse: Warehouse) -> None:
    rng = random.Random(60)
    files = history(rng)
    warehouse.load(FIRST, TODAY, by_source(files), warehouse.quick)
    check(warehouse, TODAY)
    wanted = outcome(warehouse)

    warehouse.reset()
    shuffled = rng.sample(DAYS, len(DAYS))
    wrong = {**files[shuffled[30]], "order_items": []}  # delivered again, corrected, at the end
    runs = [(day, files[day]) for day in shuffled]
    runs[30] = (shuffled[30], wrong)
    runs.append((shuffled[30], files[shuffled[30]]))
    assert [day for day, _ in runs] != sorted(day for day, _ in runs)
    problems: list[BaseException] = []
    daily = warehouse.stage(TODAY, TODAY, by_source({TODAY: files[TODAY]}))
    half = threading.Event()

    def daily_run(load: Load) -> None:
        """The night's run, which starts while the backfill is half done."""
        session = warehouse.connect()
        try:
            half.wait(300)
            _whole_run(warehouse, load, session)
        except BaseException as error:
            problems.append(error)
        finally:
            session.close()

    night = threading.Thread(target=daily_run, args=(daily,))
    night.start()
    session = warehouse.connect()
    try:
        for number, (day, rows) in enumerate(runs):
            if number == len(runs) // 2:
                half.set()
            _whole_run(warehouse, warehouse.stage(day, day, by_source({day: rows})), session)
    finally:
        half.set()
        night.join()
        session.close()
    assert not problems, problems

    assert outcome(warehouse) == wanted


def _whole_run(warehouse: Warehouse, load: Load, session: object) -> None:
    """A run from replace_slices on, as Airflow does it: what another run gets in the way of is tried again."""
    for name in STEPS[:-2]:
        persistently(lambda name=name: step(warehouse, name, load, session))  # type: ignore[misc]
    persistently(lambda: step(warehouse, AUDIT, load, session) and step(warehouse, REFRESH, load, session))
