"""Three generated days through the whole DAG by the real scheduler, held against numbers computed from the files.

The tests of this module run in order on one stack: good days first, then a poisoned one, then a restart and a day
whose files never arrive.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from ecommerce_dwh.contracts import load_contracts
from local.config import REPO
from local.stack import runs, story, summary
from local.stack.shop_export import import_export
from shop_data.raw_rules import Rules
from shop_data.schema import SOURCES
from shop_data.truth import RawTruth, count_raw
from tests.e2e.expected import Expected, expect
from tests.e2e.support import FIRST_DAY, LAST_DAY, LocalStack, generate
from tools import find_leaks

DAYS = [f"2026-01-0{number}" for number in (1, 2, 3)]
POISONED_DAY = date(2026, 1, 4)
SPOILED = 6
METRICS = ("RowsDelivered", "RowsLoaded", "RowsSuperseded", "RowsQuarantined", "RulesFailed")


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Limits that the contracts add to the design's rules."""
    contracts = load_contracts(summary.load_settings({}).sources_dir)
    return Rules(
        lengths={
            name: {
                column.name: int(column.type[8:-1])
                for column in contract.columns
                if column.type.startswith("varchar(")
            }
            for name, contract in contracts.items()
        }
    )


@pytest.fixture(scope="module")
def truth(raw: Path, rules: Rules) -> RawTruth:
    """The files, counted in plain Python."""
    return count_raw(str(raw), (FIRST_DAY, LAST_DAY), rules=rules)


@pytest.fixture(scope="module")
def expected(raw: Path, rules: Rules) -> Expected:
    return expect(raw, rules)


def test_every_raw_row_is_in_the_ledger(local: LocalStack, truth: RawTruth) -> None:
    rows = local.query(
        "select source, delivery_date, files, raw_rows, accepted_rows, superseded_rows, quarantined_rows, "
        "raw_amount, quarantined_amount from quality.ledger"
    )
    found = {(row[0], str(row[1])): tuple(row[2:]) for row in rows}
    assert set(found) == {(source, day) for source in SOURCES for day in DAYS}
    for key, numbers in found.items():
        tally = truth.days[key]
        assert numbers == (
            tally.files,
            tally.raw_rows,
            tally.accepted_rows,
            tally.superseded_rows,
            tally.quarantined_rows,
            tally.raw_amount,
            tally.quarantined_amount,
        ), key


def test_money_and_lines_balance_over_the_warehouse(local: LocalStack) -> None:
    (row,) = local.query(
        "select accepted_rows, current_rows, superseded_rows, held_rows, accepted_amount, current_amount, "
        "superseded_amount, held_amount from quality.ledger_balance where source = 'order_items'"
    )
    assert row[0] == row[1] + row[2] + row[3]
    assert row[4] == row[5] + row[6] + row[7]
    assert row[1] > 0


def test_fact_sales_has_each_line_whose_order_is_there(local: LocalStack, truth: RawTruth) -> None:
    found = {row[0] for row in local.query("select order_item_id from facts.fact_sales")}
    assert found == truth.keys["order_items"] - truth.held
    assert local.value("select count(*) from facts.fact_sales") == len(found)


def test_sum_of_line_totals_is_that_of_the_files(local: LocalStack, truth: RawTruth) -> None:
    total = local.value("select sum(line_total) from facts.fact_sales")
    total += local.value("select held_amount from quality.ledger_balance where source = 'order_items'")
    least, greatest = truth.current_amount()
    assert least <= total <= greatest
    returns = local.value("select count(*) from facts.fact_sales where quantity < 0")
    assert 0 < returns <= truth.returns


def test_dimensions_have_one_current_row_per_key(local: LocalStack, truth: RawTruth) -> None:
    for table, key, source, unknown in (
        ("dim_customer", "customer_id", "customers", truth.unknown_customers),
        ("dim_product", "product_id", "products", truth.unknown_products),
    ):
        rows = local.query(f"select {key} from dimensions.{table} where is_current and {table[4:]}_key <> -1")
        assert Counter(row[0] for row in rows) == Counter(dict.fromkeys(truth.keys[source] | unknown, 1)), table


def test_dimensions_keep_every_distinct_version(local: LocalStack, expected: Expected) -> None:
    for table, key, source in (
        ("dim_customer", "customer_id", "customers"),
        ("dim_product", "product_id", "products"),
    ):
        found: dict[str, list[tuple]] = {}
        for row in local.query(
            f"select {key}, effective_from, effective_to, is_current from dimensions.{table} "
            f"where {table[4:]}_key <> -1 order by {key}, effective_from"
        ):
            found.setdefault(row[0], []).append(row[1:])
        certain = {
            name: versions for name, versions in expected.versions[source].items() if versions is not None
        }
        assert len(certain) > 0.9 * len(expected.versions[source])
        assert {name: len(found[name]) for name in certain} == {n: len(v) for n, v in certain.items()}, table
        assert any(len(versions) > 1 for versions in certain.values())
        for name, versions in certain.items():
            # The first version reaches back to before the shop; each later one begins at its own moment.
            begins = [row[0] for row in found[name]]
            assert begins[0] == datetime(1900, 1, 1)  # noqa: DTZ001 - the warehouse's timestamps bear no zone
            assert begins[1:] == [version.moment for version in versions[1:]], name
            assert [row[1] for row in found[name]][:-1] == begins[1:], name
            assert [row[2] for row in found[name]] == [False] * (len(begins) - 1) + [True], name


def test_views_add_up_to_the_files(local: LocalStack, expected: Expected) -> None:
    ids = "', '".join(sorted(expected.doubtful)) or "-"
    doubtful = local.value(
        f"select coalesce(sum(line_total), 0) from facts.fact_sales where is_revenue and order_item_id in ('{ids}')"
    )
    revenue = expected.revenue + doubtful
    assert local.value("select sum(line_total) from facts.fact_sales where is_revenue") == revenue
    assert local.value("select sum(total_revenue) from analytics.monthly_sales_trends") == revenue
    assert local.value("select sum(total_revenue) from analytics.product_performance") == revenue
    assert local.value("select sum(total_revenue) from analytics.category_performance") == revenue
    assert local.value("select sum(total_revenue) from analytics.geographic_sales") == revenue
    orders = local.value("select count(distinct order_id) from facts.fact_sales where is_revenue")
    assert len(expected.revenue_orders) <= orders <= len(expected.revenue_orders) + len(expected.doubtful)
    assert local.value("select sum(total_orders) from analytics.monthly_sales_trends") == orders
    known = local.value(
        "select coalesce(sum(line_total), 0) from facts.fact_sales where is_revenue and customer_key <> -1"
    )
    assert local.value("select sum(lifetime_value) from analytics.customer_360") == known
    assert local.value("select sum(revenue) from analytics.customer_cohorts") == known


def test_order_amounts_are_on_the_lines_exactly_once(local: LocalStack) -> None:
    assert (
        local.value(
            "select count(*) from (select sales.order_id from facts.fact_sales as sales "
            "group by sales.order_id having count(*) <> count(distinct order_item_id)) as doubled"
        )
        == 0
    )
    assert local.value("select count(*) from facts.fact_sales where tax_amount is null") == 0


def test_every_view_has_rows(local: LocalStack) -> None:
    assert all(rows for rows in local.analytics().values())


def test_the_end_of_make_run_tells_the_figures_of_the_files(local: LocalStack) -> None:
    days = [str(FIRST_DAY + timedelta(days=number)) for number in range(3)]
    told = story.read_story(local.config, days)
    orders, revenue = local.query(
        "select sum(total_orders), sum(total_revenue) from analytics.monthly_sales_trends"
    )[0]
    assert told.says()[0].startswith(f"Revenue {revenue:,.2f} in {orders:,} orders")
    assert set(told.reports) == set(days)
    quarantined = local.value("select sum(quarantined_rows) from quality.ledger")
    assert f"{quarantined:,} rows are in quarantine" in told.wrong()[0]
    assert told.wrong()[-1].startswith("Every raw row is loaded")
    assert (local.config.home / "reports" / f"{days[-1]}.html").read_text().startswith("<!")


def test_the_day_is_published_and_nothing_is_pending(local: LocalStack) -> None:
    assert str(local.value("select published_day from quality.warehouse_state")) == DAYS[-1]
    assert local.value("select count(*) from history.pending_key") == 0


def test_good_days_send_no_mail(local: LocalStack) -> None:
    assert [mail["subject"] for mail in local.mails()] == []


def test_a_repeated_day_changes_nothing(local: LocalStack) -> None:
    before = local.analytics()
    facts = local.query("select * from facts.fact_sales order by order_item_id")
    local.load(LAST_DAY, LAST_DAY)
    assert local.query("select * from facts.fact_sales order by order_item_id") == facts
    assert local.analytics() == before


def test_a_poisoned_day_closes_the_gate(local: LocalStack, tmp_path: Path) -> None:
    before = local.analytics()
    facts = local.value("select count(*) from facts.fact_sales")
    folder = tmp_path / "raw"
    generate(folder, POISONED_DAY, POISONED_DAY)
    _spoil(_delivered(folder), column="order_date", every=4)
    local.land(folder)

    with pytest.raises(runs.RunFailedError, match="quality_gate"):
        local.load(POISONED_DAY, POISONED_DAY)

    mail = local.wait_for_mail(lambda mail: "quality_gate" in _text(mail) or "gate" in mail["subject"].lower())
    assert mail["recipients"] == ["data-eng@company.com"]
    assert "orders.quarantine_ratio (validity, error)" in _text(mail)
    assert re.search(rf"orders/dt={POISONED_DAY}/\S+:\d+ ", _text(mail)), "samples of the rejected rows"
    assert str(POISONED_DAY) in _text(mail)
    assert local.analytics() == before
    assert local.value("select count(*) from facts.fact_sales") == facts
    assert local.value(f"select count(*) from quality.ledger where delivery_date = '{POISONED_DAY}'") == 0
    assert len(local.mails()) == 1, "one incident, one mail"
    assert str(local.value("select published_day from quality.warehouse_state")) == DAYS[-1]


def test_the_quality_page_says_what_is_wrong(local: LocalStack) -> None:
    overview, day = local.page("/"), local.page(f"/day/{POISONED_DAY}")
    assert f"{POISONED_DAY}: failed, the gate is closed and nothing was loaded" in overview
    assert "orders.quarantine_ratio" in overview
    assert "What to do" in day
    assert "unparseable:order_date" in day
    # Three days are too few to say what is usual.
    assert "Not judged: 3 of the 28 days before" in day


def test_reports_are_as_published_and_metrics_were_sent(local: LocalStack) -> None:
    schema = json.loads((REPO / "docs" / "quality-report.schema.json").read_text("utf-8"))
    for day in (*DAYS, str(POISONED_DAY)):
        body = local.s3.get_object(Bucket=local.settings.processed_bucket, Key=f"quality/dt={day}/report.json")[
            "Body"
        ].read()
        jsonschema.validate(json.loads(body), schema)
    env, steps = local.settings.env, set(runs.task_order(local.client, runs.DAILY))
    assert local.metrics() >= {
        *((name, env, source) for name in METRICS for source in SOURCES),
        *(("TaskDurationSeconds", env, task) for task in steps - {"publish"}),  # which sends them
    }
    results = local.query("select distinct delivery_date, source from quality.check_results")
    assert {(str(day), source) for day, source in results} == {
        (day, source) for day in DAYS for source in SOURCES
    }
    unjudged = local.value(
        "select count(*) from quality.check_results where rule = 'rows_as_usual' and passed "
        "and rows_checked = 0 and message like 'not judged:%'"
    )
    assert unjudged == 3 * len(DAYS)


def test_a_replay_shows_by_default_and_changes_nothing(local: LocalStack) -> None:
    before = local.analytics()
    shown = local.replay(source="orders", start_date=str(POISONED_DAY), end_date=str(POISONED_DAY))
    assert shown["survey"] == []
    assert local.analytics() == before
    assert local.value(f"select count(*) from quality.ledger where delivery_date = '{POISONED_DAY}'") == 0


def test_a_corrected_file_and_a_replay_complete_the_day(local: LocalStack, tmp_path: Path) -> None:
    generate(tmp_path, POISONED_DAY, POISONED_DAY)
    _spoil(
        _delivered(tmp_path), column="order_date", every=4, limit=SPOILED
    )  # the shop mended most of it, not all
    local.land(tmp_path)

    done = local.replay(
        source="orders", dry_run=False, start_date=str(POISONED_DAY), end_date=str(POISONED_DAY)
    )

    assert done["survey"] == [{"start_date": str(POISONED_DAY), "end_date": str(POISONED_DAY)}]
    assert done["result"]["moved"] > SPOILED
    assert str(local.value("select published_day from quality.warehouse_state")) == str(POISONED_DAY)
    local.wait_for_mail(lambda mail: "recovered" in mail["subject"] and str(POISONED_DAY) in mail["subject"])
    raw, accepted, superseded, quarantined = _ledger(local)
    assert quarantined >= SPOILED
    assert raw == accepted + superseded + quarantined
    page = local.page(f"/day/{POISONED_DAY}")
    assert "Failed: the gate is closed" not in page
    assert page.count("?run=") == 2, "the run that failed and the one that loaded the day"
    assert "orders.quarantine_ratio" not in local.page("/").partition("Days and tables")[0]


def test_a_replay_moves_rows_from_quarantine_to_the_warehouse(local: LocalStack, tmp_path: Path) -> None:
    before = _ledger(local)
    generate(tmp_path, POISONED_DAY, POISONED_DAY)
    _delivered(tmp_path)
    local.land(tmp_path)

    done = local.replay(
        source="orders", dry_run=False, start_date=str(POISONED_DAY), end_date=str(POISONED_DAY)
    )

    assert done["result"] == {"before": before[3], "after": before[3] - SPOILED, "moved": SPOILED}
    after = _ledger(local)
    assert after[0] == before[0]
    assert after[1] + after[2] == before[1] + before[2] + SPOILED
    assert after[3] == before[3] - SPOILED


def test_a_second_replay_changes_nothing(local: LocalStack) -> None:
    ledger, before, mails = _ledger(local), local.analytics(), len(local.mails())
    facts = local.query("select * from facts.fact_sales order by order_item_id")

    done = local.replay(dry_run=False, start_date=str(POISONED_DAY), end_date=str(POISONED_DAY))

    assert done["result"]["moved"] == 0
    assert done["result"]["before"] > 0, "the generated rows that nobody mended were looked at again"
    assert _ledger(local) == ledger
    assert local.query("select * from facts.fact_sales order by order_item_id") == facts
    assert local.analytics() == before
    assert len(local.mails()) == mails


def test_a_second_start_finds_lake_and_warehouse(local: LocalStack) -> None:
    before = local.analytics()
    listing = local.s3.list_objects_v2(Bucket=local.settings.raw_bucket)["KeyCount"]
    mails = {mail["id"] for mail in local.mails()}
    local.restart(schedule=True)
    assert local.analytics() == before
    assert local.s3.list_objects_v2(Bucket=local.settings.raw_bucket)["KeyCount"] == listing
    assert mails <= {mail["id"] for mail in local.mails()}
    assert local.client.run(runs.DAILY, _run_of(local, LAST_DAY))["state"] == "success"


def test_a_late_day_without_files_is_told_twice_and_loads_nothing(local: LocalStack) -> None:
    """The scheduler itself starts the newest day, whose files nobody delivers: first it is late, then it fails."""
    before = local.analytics()
    scheduled = _wait_for_scheduled(local)
    day = scheduled["logical_date"][:10]

    late = local.wait_for_mail(lambda mail: "is late" in mail["subject"], 90)
    assert day in late["subject"]
    assert late["recipients"] == ["data-eng@company.com"]

    with pytest.raises(runs.RunFailedError) as caught:
        runs.watch(local.client, runs.DAILY, {day: scheduled["dag_run_id"]})
    message = str(caught.value)
    assert "wait_for_raw" in message
    assert f"s3://{local.settings.raw_bucket}/orders/dt={day}/" in message
    failure = local.wait_for_mail(lambda mail: "wait_for_raw failed" in mail["subject"])
    assert failure["recipients"] == late["recipients"]
    assert f"{local.settings.raw_bucket}/orders/dt={day}/" in _text(failure)
    assert local.analytics() == before
    assert local.value(f"select count(*) from quality.ledger where delivery_date = '{day}'") == 0


def _wait_for_scheduled(local: LocalStack) -> dict:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = local.client.get(f"/dags/{runs.DAILY}/dagRuns", run_type="scheduled", limit=10)["dag_runs"]
        if found:
            assert datetime.fromisoformat(found[0]["run_after"]) <= datetime.now(UTC)
            return found[0]
        time.sleep(0.5)
    raise AssertionError("the scheduler started no run")


def _run_of(local: LocalStack, day: date) -> str:
    found = local.client.get(f"/dags/{runs.DAILY}/dagRuns", order_by="logical_date", limit=100)["dag_runs"]
    return next(run["dag_run_id"] for run in found if run["logical_date"].startswith(str(day)))


def _ledger(local: LocalStack) -> tuple[int, int, int, int]:
    """Raw, accepted, superseded and quarantined orders of the poisoned day."""
    (row,) = local.query(
        "select raw_rows, accepted_rows, superseded_rows, quarantined_rows from quality.ledger "
        f"where source = 'orders' and delivery_date = '{POISONED_DAY}'"
    )
    return tuple(map(int, row))  # type: ignore[return-value]


def _delivered(folder: Path) -> Path:
    """The poisoned day's orders, in a file that is named after a person."""
    (path,) = (folder / "orders" / f"dt={POISONED_DAY}").glob("*.csv.gz")
    return path.rename(path.with_name("asha.rao@example.com.csv.gz"))


def _people(folder: Path) -> list[str]:
    """Names, addresses, numbers of the customers of a delivery, as they stand where columns are shifted."""
    people: list[str] = []
    for path in sorted((folder / "customers").rglob("*.csv.gz")):
        rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8", "replace")))
        for row in rows:
            people += [f"{row['first_name']} {row['last_name']}", row["address"], row["email"], row["phone"]]
    assert people
    return [person for person in people if person.strip()]


def _spoil(path: Path, column: str, every: int, limit: int | None = None) -> None:
    """Put people into a column of every n-th row of an orders file, or of the first so many of these."""
    people = itertools.cycle(_people(path.parents[2]))
    rows = list(
        csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape")))
    )
    for row in rows[::every][:limit]:
        row[column] = next(people)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8", "surrogateescape")))


def _text(mail: dict) -> str:
    return f"{mail['subject']}\n{mail['text']}\n{mail['html']}"


def test_a_shop_s_export_is_loaded_with_the_shop_s_own_totals(
    local: LocalStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command of docs/local-data.md, into a warehouse that has another shop's orders."""
    export = tmp_path / "orders_export.csv"
    export.write_text(
        "Name,Financial Status,Created at,Currency,Shipping,Discount Amount,Total,Refunded Amount,Email,"
        "Lineitem quantity,Lineitem name,Lineitem sku,Lineitem price\n"
        "#1,paid,2026-02-01 03:00:00 +0530,INR,40,10,129.50,0,kiran@example.com,2,Tea,TEA,39.75\n"
        "#1,,,,,,,,,1,Cup,,20.00\n"
        "#2,refunded,2026-02-01 10:00:00 +0530,INR,0,0,20,20,,1,Cup,,20.00\n"
    )

    assert import_export(local.config, [str(export), "--shop", "shopify", "--prefix", "tea-"]) == 0

    told = capsys.readouterr().out
    assert "2 orders of this export, Σ total 149.5000: the shop's own figures" in told
    assert "orders that were there before" in told
    lines = local.query(
        "select order_id, line_total from facts.fact_sales where order_id like 'tea-%' order by 1, 2"
    )
    assert lines == [
        ("tea-1", Decimal("20.0000")),
        ("tea-1", Decimal("79.5000")),
        ("tea-2", Decimal("-20.0000")),
        ("tea-2", Decimal("20.0000")),
    ]


def test_amounts_are_decimals(local: LocalStack) -> None:
    """A float anywhere on the way would lose the last digit."""
    assert isinstance(local.value("select sum(line_total) from facts.fact_sales"), Decimal)


def test_no_person_and_no_credential_is_told(local: LocalStack, capsys: pytest.CaptureFixture[str]) -> None:
    """After everything above, failures and mails included: searched for every person of the lake and every key."""
    arguments = ["--home", str(local.config.home)]
    leaked = find_leaks.main(arguments)
    told = capsys.readouterr().out
    assert leaked == 0, told
    pages = {
        path: local.page(path) for path in ("/", f"/day/{POISONED_DAY}", f"/report/{POISONED_DAY}", "/ledger")
    }
    persons = find_leaks.people(local.config)
    assert "asha.rao@example.com.csv.gz" in persons
    assert list(find_leaks.find_leaks(pages.items(), persons, set())) == []
    kept = dict(find_leaks.kept(local.config))
    assert list(find_leaks.find_leaks(kept.items(), persons, set())) == []
    assert any(place.startswith("XCom") for place in kept)
    assert any(place.startswith("check results") for place in kept)
    places = [Path(place).name for place, _ in find_leaks.told(local.config)]
    for kind in ("scheduler.log", "attempt=1.log", "report.html", ".eml"):
        assert [name for name in places if name.endswith(kind)], f"no {kind} was looked at"
    assert list((local.config.logs_dir / "glue").rglob("*.log"))

    # The same search finds what does not belong there.
    person = max(find_leaks.people(local.config), key=len)
    planted = local.config.logs_dir / "planted.log"
    planted.write_text(f"could not cast {person!r}\npassword={local.config.redshift_password}\n")
    try:
        assert find_leaks.main(arguments) == 1
    finally:
        planted.unlink()
    told = capsys.readouterr().out
    assert f"{planted}:1: personal data" in told
    assert f"{planted}:2: credential" in told
    assert person not in told
