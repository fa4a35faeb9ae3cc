"""Changes of a loaded warehouse: declared, planned, applied, killed, applied again.

The warehouse is made and loaded once; each test changes a copy of it with a copy of ``include/sql``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from harness import SQL, ConnectionSession, Warehouse, apply_changes, plan_changes
from serving import running_warehouse
from test_views import rows_of

from ecommerce_dwh.changes import apply, declared
from ecommerce_dwh.changes.apply import Application, ChangeError
from ecommerce_dwh.changes.steps import Plan
from ecommerce_dwh.warehouse.sql_files import SqlFileError

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
COUNTS = (
    "select 'sales', count(*), sum(line_total) from facts.fact_sales union all "
    "select 'orders', count(*), sum(total_amount) from history.orders union all "
    "select 'customers', count(*), sum(customer_key) from dimensions.dim_customer order by 1"
)


def _day(number: int, day: date) -> dict[str, Any]:
    return {
        "customers": [{"customer_id": f"0{number}", "first_name": "Asha", "city": "Pune", "country": "IN"}],
        "products": [{"product_id": f"P{number}", "product_name": "Tea", "price": 20, "cost": 8}],
        "orders": [
            {
                "order_id": f"O{number}",
                "customer_id": f"0{number}",
                "order_date": f"{day} 09:00",
                "order_status": "delivered",
                "total_amount": 41,
            }
        ],
        "order_items": [
            {
                "order_item_id": f"I{number}",
                "order_id": f"O{number}",
                "product_id": f"P{number}",
                "quantity": 2,
                "unit_price": 20.5,
            }
        ],
        "web_events": [
            {
                "event_id": f"E{number}",
                "session_id": "S1",
                "event_type": "page_view",
                "event_timestamp": f"{day} 08:00",
            }
        ],
    }


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warehouse with two days in it, stopped."""
    folder = tmp_path_factory.mktemp("loaded")
    with running_warehouse(folder) as running:
        for number, day in ((1, DAY), (2, NEXT)):
            running.load(day, day, rows_of(_day(number, day), day))
    return folder


class Changing:
    """A loaded warehouse and declarations that may be edited."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse, self.sql = warehouse, folder / "sql"
        shutil.copytree(SQL, self.sql)
        self.before = warehouse.client_rows(COUNTS)
        warehouse.session.close()
        warehouse._session = None

    def session(self, spend: Callable[[str], None] = lambda _: None) -> ConnectionSession:
        return ConnectionSession(self.warehouse.connect, spend)

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.sql / name
        text = path.read_text("utf-8")
        assert text.count(before) == 1, f"{name} has {text.count(before)} times {before!r}"
        path.write_text(text.replace(before, after), "utf-8")

    def add_channel(self, definition: str) -> None:
        """Declare one more column of fact_sales."""
        last = "    currency varchar(16),\n"
        self.edit("facts/fact_sales/table.sql", last, f"{last}    channel {definition},\n")
        last = "  currency: {source: orders}\n"
        self.edit("facts/fact_sales/columns.yaml", last, f"{last}  channel: where\n")

    def plan(self, **given: Any) -> Plan:
        return plan_changes(self.session(), self.sql, **given)

    def apply(self, **given: Any) -> list[str]:
        """Apply; the second application does nothing, and no row is lost."""
        done = apply_changes(self.session(), self.sql, **given)
        self.settled(**given)
        return done

    def settled(self, **given: Any) -> None:
        ran: list[str] = []
        plan = self.plan(**given)
        assert plan.empty, plan.text()
        Application(plan, self.session(ran.append)).run()
        assert ran == [], "a second application does nothing"

    def query(self, text: str) -> list[list[Any]]:
        connection = self.warehouse.connect()
        cursor = connection.cursor()
        cursor.execute(text)
        found = [list(row) for row in cursor.fetchall()]
        connection.rollback()
        connection.close()
        return found

    def run(self, *statements: str) -> None:
        connection = self.warehouse.connect()
        for statement in statements:
            connection.cursor().execute(statement)
        connection.commit()
        connection.close()

    def nothing_lost(self) -> None:
        assert [list(row.values()) for row in self.before] == self.query(COUNTS)

    def kill_everywhere(self, stride: int = 1, **given: Any) -> int:
        """Kill the application after statements of each step, and go on; returns how often it was killed."""
        kills, budget, steps = 0, 1, None
        wanted = declared.read(self.sql)
        while True:
            plan = apply.plan_changes(
                self.session(), wanted, [], given.get("drop", ()), given.get("overwrite", ())
            )
            assert not plan.refused, plan.text()
            if steps is not None and len(plan.steps) < steps:
                budget = 1
            steps = len(plan.steps)
            left = [budget]

            def spend(statement: str, left: list[int] = left) -> None:
                if re.match(r"\s*(select|with)\b|set statement_timeout", statement, re.IGNORECASE):
                    return
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt

            try:
                Application(plan, self.session(spend)).run()
            except KeyboardInterrupt:
                kills, budget = kills + 1, budget + stride
                assert kills < 500
                continue
            self.settled(**given)
            return kills


@pytest.fixture
def changing(loaded: Path, tmp_path: Path) -> Iterator[Changing]:
    # Owners are kept, as shutil does not: PostgreSQL runs as a user of its own where tests run as root.
    subprocess.run(["cp", "-a", loaded, tmp_path / "warehouse"], check=True)
    with running_warehouse(tmp_path / "warehouse") as running:
        yield Changing(running, tmp_path)


def _columns(changing: Changing, table: str) -> dict[str, str]:
    schema, name = table.split(".")
    rows = changing.query(
        "select column_name, data_type || coalesce('(' || character_maximum_length || ')', '') from svv_columns "
        f"where table_schema = '{schema}' and table_name = '{name}' order by ordinal_position"
    )
    return dict(rows)


# What a change becomes ------------------------------------------------------------------------------------------------


def test_a_column_of_orders_reaches_staging_history_and_the_fact_and_is_null_for_old_slices(
    changing: Changing,
) -> None:
    for name in ("staging/stg_orders", "history/orders"):
        changing.edit(
            f"{name}/table.sql",
            "    currency varchar(16),\n",
            "    currency varchar(16),\n    coupon_code varchar(64),\n",
        )
    fact = "facts/fact_sales"
    changing.edit(
        f"{fact}/table.sql",
        "    currency varchar(16),\n",
        "    currency varchar(16),\n    coupon_code varchar(64),\n",
    )
    changing.edit(
        f"{fact}/columns.yaml",
        "  currency: {source: orders}\n",
        "  currency: {source: orders}\n  coupon_code: what was typed\n",
    )

    text = changing.plan().text()
    assert "alter table history.orders add column coupon_code VARCHAR(64);" in text
    assert "facts.fact_sales: add column coupon_code varchar(64); null in the rows that are there" in text
    assert changing.kill_everywhere(3) > 8

    names = list(_columns(changing, "staging.stg_orders"))
    assert names[names.index("currency") + 1] == "coupon_code", "COPY of Parquet takes columns by position"
    assert changing.query("select count(*), count(coupon_code) from history.orders") == [[2, 0]]
    assert changing.query("select count(*), count(coupon_code) from facts.fact_sales") == [[2, 0]]
    assert changing.query(
        "select remarks from svv_columns where table_name = 'fact_sales' and column_name = 'coupon_code'"
    ) == [["what was typed"]]
    changing.nothing_lost()


def test_a_varchar_is_widened_outside_a_transaction_and_never_shrunk(changing: Changing) -> None:
    changing.edit(
        "history/orders/table.sql", "    payment_method varchar(64),", "    payment_method varchar(200),"
    )
    plan = changing.plan()
    (step,) = plan.steps
    assert step.alone
    assert step.commands[0].sql == "alter table history.orders alter column payment_method type varchar(200)"
    assert changing.apply() == ["history.orders: widen column payment_method from varchar(64) to varchar(200)"]
    assert _columns(changing, "history.orders")["payment_method"] == "character varying(200)"

    changing.edit(
        "history/orders/table.sql", "    payment_method varchar(200),", "    payment_method varchar(8),"
    )
    plan = changing.plan()
    assert plan.empty
    assert plan.left == [
        "history.orders.payment_method is wider (varchar(200)) than declared (varchar(8)): never shrunk"
    ]
    changing.nothing_lost()


@pytest.mark.parametrize(
    ("table", "before", "after", "why"),
    [
        (
            "history/orders",
            "    order_id varchar(64) not null,",
            "    order_id varchar(99) not null,",
            "a key is declared",
        ),
        (
            "analytics/agg_product",
            "    brand varchar(255),",
            "    brand varchar(400),",
            "analytics.product_performance reads it",
        ),
    ],
)
def test_a_varchar_that_alter_refuses_to_widen_is_copied(
    changing: Changing, table: str, before: str, after: str, why: str
) -> None:
    changing.edit(f"{table}/table.sql", before, after)
    rows = changing.query(f"select count(*) from {table.replace('/', '.')}")
    assert why in changing.plan().text()
    changing.apply()
    assert changing.query(f"select count(*) from {table.replace('/', '.')}") == rows
    changing.nothing_lost()


def test_the_type_of_a_key_changes_in_the_dimension_and_in_the_facts_that_name_it(changing: Changing) -> None:
    changing.edit(
        "dimensions/dim_product/table.sql",
        "    product_key bigint not null,",
        "    product_key decimal(38, 0) not null,",
    )
    for fact in ("fact_sales", "fact_web_events", "fact_inventory"):
        path = changing.sql / "facts" / fact / "table.sql"
        path.write_text(path.read_text().replace("product_key bigint", "product_key decimal(38, 0)"))

    assert changing.kill_everywhere(9) > 8
    changing.nothing_lost()
    assert _columns(changing, "facts.fact_sales")["product_key"] == "numeric"
    assert changing.query(
        "select count(*) from facts.fact_sales as s "
        "inner join dimensions.dim_product as p on s.product_key = p.product_key"
    ) == [[2]]
    constraints = changing.query(
        "select count(*) from pg_constraint where contype = 'f' and confrelid = 'dimensions.dim_product'::regclass"
    )
    assert constraints == [[3]]
    left = changing.query(
        "select relname from pg_class where relname like '%\\_\\_new' or relname like '%\\_\\_old'"
    )
    assert left == []


def test_a_new_sort_and_distribution_key_keeps_rows_comments_and_grants(changing: Changing) -> None:
    changing.run("create user tess password 'Tableau-1'", "grant select on facts.fact_sales to tess")
    changing.edit(
        "facts/fact_sales/table.sql",
        "distkey (order_id)\nsortkey (order_date)",
        "distkey (customer_key)\nsortkey (customer_key, order_date)",
    )
    told = "select column_name, remarks from svv_columns where table_name = 'fact_sales' and remarks <> '' order by 1"
    granted = (
        "select privilege_type, identity_name from svv_relation_privileges "
        "where relation_name = 'fact_sales' order by 1, 2"
    )
    before = changing.query(told), changing.query(granted)
    changing.apply()
    assert (changing.query(told), changing.query(granted)) == before
    assert ["SELECT", "tess"] in changing.query(granted)
    changing.nothing_lost()


def test_a_view_with_one_more_column_is_made_again_with_comments_and_grants(changing: Changing) -> None:
    name = "analytics.geographic_sales"
    path = changing.sql / "analytics/geographic_sales/view.sql"
    text = path.read_text()
    head, _, last = text.rpartition("select\n")
    path.write_text(f"{head}select\n    1 as one_more,\n{last}")
    changing.edit(
        "analytics/geographic_sales/columns.yaml", "columns:\n", "columns:\n  one_more: the number one\n"
    )
    assert changing.kill_everywhere() > 5
    assert next(iter(_columns(changing, name))) == "one_more"
    assert changing.query(
        "select privilege_type from svv_relation_privileges where relation_name = 'geographic_sales' "
        "and identity_name = 'dwh_analyst'"
    ) == [["SELECT"]]
    assert changing.query(
        "select remarks from svv_columns where table_name = 'geographic_sales' and column_name = 'one_more'"
    )[0][0].startswith("the number one")


def test_formatting_and_comments_are_no_change(changing: Changing) -> None:
    path = changing.sql / "analytics/customer_360/view.sql"
    path.write_text("-- another remark\n" + path.read_text().replace("select\n", "select -- all of it\n\n"))
    assert changing.plan().empty


def test_a_source_is_added_and_removed(changing: Changing) -> None:
    cards = {
        "staging/stg_gift_cards": "gift_card_id varchar(64) not null,\n    run_id varchar(250) not null",
        "history/gift_cards": "gift_card_id varchar(64) not null,\n    run_id varchar(250) not null",
        "facts/fact_gift_cards": "gift_card_id varchar(64) not null,\n    primary key (gift_card_id)",
    }
    for name, columns in cards.items():
        folder = changing.sql / name
        folder.mkdir()
        (folder / "table.sql").write_text(
            f"create table if not exists {name.replace('/', '.')} (\n    {columns}\n)\ndiststyle even;\n"
        )
        (folder / "columns.yaml").write_text("description: Cards.\ncolumns:\n  gift_card_id: the card\n")
    changing.apply()
    changing.run("insert into facts.fact_gift_cards (gift_card_id) values ('G1')")
    assert changing.query(
        "select privilege_type from svv_relation_privileges where relation_name = 'fact_gift_cards' "
        "and identity_name = 'dwh_analyst'"
    ) == [["SELECT"]]

    for name in cards:
        shutil.rmtree(changing.sql / name)
    plan = changing.plan()
    assert plan.empty
    assert len(plan.left) == 3
    assert "the table facts.fact_gift_cards is no longer declared and stays" in "\n".join(plan.left)
    assert changing.query("select count(*) from facts.fact_gift_cards") == [[1]]

    named = [name.replace("/", ".") for name in cards]
    assert "drop the table facts.fact_gift_cards and its rows" in changing.plan(drop=named).text()
    changing.kill_everywhere(2, drop=named)
    assert changing.query("select count(*) from svv_tables where table_name like '%gift_cards'") == [[0]]
    changing.nothing_lost()


def test_a_column_goes_only_when_it_is_named_and_its_view_lets_it(changing: Changing) -> None:
    changing.edit("facts/fact_sales/table.sql", "    unit_cost decimal(18, 4),\n", "")
    changing.edit(
        "facts/fact_sales/columns.yaml",
        "  unit_cost: cost of the product version as of the order; null when unknown\n",
        "",
    )
    plan = changing.plan()
    assert "facts.fact_sales.unit_cost is no longer declared and stays" in plan.left[0]
    changing.apply()
    assert "unit_cost" in _columns(changing, "facts.fact_sales")
    changing.apply(drop=["facts.fact_sales.unit_cost"])
    assert "unit_cost" not in _columns(changing, "facts.fact_sales")

    refused = changing.plan(drop=["facts.fact_sales.order_id"]).refused
    assert refused == [
        "facts.fact_sales.order_id is to be dropped and is declared: take it out of facts/fact_sales/table.sql first"
    ]


def test_a_column_that_is_no_longer_declared_and_was_required_may_be_null(changing: Changing) -> None:
    changing.edit("facts/fact_sales/table.sql", "    order_date_key integer not null,\n", "")
    changing.edit("facts/fact_sales/columns.yaml", "  order_date_key: key of dim_date\n", "")
    changing.apply()
    assert changing.query(
        "select is_nullable from svv_columns where table_name = 'fact_sales' and column_name = 'order_date_key'"
    ) == [["YES"]]
    assert changing.query("select count(order_date_key) from facts.fact_sales") == [[2]]


def test_comments_grants_and_roles_follow_their_declaration(changing: Changing) -> None:
    changing.edit(
        "facts/fact_sales/columns.yaml", "is_return: quantity below 0", "is_return: the buyer's money back"
    )
    changing.edit(
        "ddl/before_tables/020_roles.sql",
        "create role dwh_analyst;",
        "create role dwh_analyst;\ncreate role dwh_auditor;",
    )
    grants = changing.sql / "ddl/after_tables/700_grants.sql"
    grants.write_text(
        grants.read_text().replace("grant select on all tables in schema facts to role dwh_analyst;", "")
        + "grant usage on schema quality to role dwh_auditor;\ngrant select on quality.ledger to role dwh_auditor;\n"
    )
    changing.apply()
    assert changing.query(
        "select remarks from svv_columns where table_name = 'fact_sales' and column_name = 'is_return'"
    ) == [["the buyer's money back"]]
    granted = (
        "select relation_name, privilege_type from svv_relation_privileges "
        "where identity_name = '{}' and namespace_name = '{}'"
    )
    assert changing.query(granted.format("dwh_analyst", "facts")) == []
    assert changing.query(granted.format("dwh_auditor", "quality")) == [["ledger", "SELECT"]]


# Bad input -----------------------------------------------------------------------------------------------------------


def test_changes_by_hand_are_named_and_not_overwritten(changing: Changing) -> None:
    changing.run(
        "alter table facts.fact_sales add column campaign varchar(20)",
        "comment on column facts.fact_sales.is_return is 'by hand'",
        "create table facts.scratch (a integer)",
        "drop view analytics.sales_funnel",
        "create view analytics.sales_funnel as select 1 as one",
    )
    plan = changing.plan()
    assert plan.empty, plan.text()
    said = "\n".join(plan.left)
    for words in (
        "facts.fact_sales.campaign (varchar(20)) is not declared: made by hand, and left",
        "facts.fact_sales, comment is_return was changed by hand to by hand, declared is quantity below 0: left",
        "the table facts.scratch is not declared: made by hand, and left",
        "analytics.sales_funnel, definition was changed by hand",
    ):
        assert words in said
    changing.settled()
    assert changing.plan().left == plan.left, "what was changed by hand stays known as such"

    changing.edit("facts/fact_sales/columns.yaml", "is_return: quantity below 0", "is_return: money back")
    (refused,) = changing.plan().refused
    assert "was changed by hand to by hand, and facts/fact_sales/table.sql now says money back" in refused
    with pytest.raises(ChangeError, match="the plan is refused"):
        changing.apply()
    changing.apply(overwrite=["facts.fact_sales", "analytics.sales_funnel"])
    assert "campaign" in _columns(changing, "facts.fact_sales")
    assert "one" not in _columns(changing, "analytics.sales_funnel")


def test_a_required_column_without_a_value_for_the_rows_that_are_there_is_refused(changing: Changing) -> None:
    changing.add_channel("varchar(9) not null")
    (refused,) = changing.plan().refused
    assert "declare it nullable" in refused
    changing.edit(
        "facts/fact_sales/table.sql", "channel varchar(9) not null", "channel varchar(9) default 'web' not null"
    )
    changing.apply()
    assert changing.query("select distinct channel from facts.fact_sales") == [["web"]]


def test_a_plan_that_would_lose_values_is_refused_and_changes_nothing(changing: Changing) -> None:
    changing.edit("history/orders/table.sql", "    customer_id varchar(64),", "    customer_id integer,")
    with pytest.raises(ChangeError, match=r"history\.orders\.customer_id has values that integer cannot hold"):
        changing.apply()
    assert _columns(changing, "history.orders")["customer_id"] == "character varying(64)"
    changing.nothing_lost()


def test_a_catalogue_that_moved_since_the_plan_is_refused(changing: Changing) -> None:
    changing.add_channel("varchar(9)")
    plan = changing.plan()
    changing.run("alter table facts.fact_sales add column campaign varchar(20)")
    assert changing.plan().name != plan.name
    with pytest.raises(ChangeError, match=r"somebody changed facts\.fact_sales since the plan"):
        Application(plan, changing.session()).run()
    assert "channel" not in _columns(changing, "facts.fact_sales")


def test_a_lock_is_waited_for_until_the_limit_and_its_holder_is_named(changing: Changing) -> None:
    changing.add_channel("varchar(9)")
    reader = changing.warehouse.connect()
    reader.cursor().execute("select count(*) from facts.fact_sales")
    plan = changing.plan()
    with pytest.raises(
        ChangeError, match=r"waited 1 seconds for a lock.*dwh_admin \(process \d+\) on facts\.fact_sales"
    ) as said:
        Application(plan, changing.session(), lock_seconds=1).run()
    assert "changed nothing" in str(said.value)
    reader.rollback()
    reader.close()
    changing.apply()


def test_rows_that_are_written_while_a_copy_waits_are_in_the_copy(changing: Changing) -> None:
    changing.edit("facts/fact_sales/table.sql", "sortkey (order_date)", "sortkey (order_date, order_id)")
    writer = changing.warehouse.connect()
    writer.cursor().execute("insert into facts.fact_sales select * from facts.fact_sales")
    plan = changing.plan()
    thread = threading.Thread(target=lambda: Application(plan, changing.session()).run())
    thread.start()
    thread.join(2)
    assert thread.is_alive(), "the copy waits for the writer"
    writer.commit()
    writer.close()
    thread.join(60)
    assert changing.query("select count(*) from facts.fact_sales") == [[4]]


def test_a_view_of_somebody_else_stops_a_plan_that_would_drop_it(changing: Changing) -> None:
    changing.run(
        "create schema reports",
        "create view reports.brands as select brand from analytics.agg_product",
    )
    changing.edit("analytics/agg_product/table.sql", "    brand varchar(255),", "    brand varchar(400),")
    (refused,) = changing.plan().refused
    assert "the view reports.brands, which nothing declares, reads analytics.agg_product" in refused


def test_repairs_are_applied_once_between_two_checks(changing: Changing) -> None:
    folder = changing.sql / "repairs"
    folder.mkdir(exist_ok=True)
    repair = folder / "001_upper_case_cities.sql"
    text = (
        "-- before: no city is empty\nselect city from dimensions.dim_customer where city = '';\n"
        "update dimensions.dim_customer set city = upper(city);\n"
        "-- after: no city has small letters\nselect city from dimensions.dim_customer where city <> upper(city);\n"
    )
    repair.write_text(text.replace("upper(city);\n--", "lower(city);\n--"))
    with pytest.raises(ChangeError, match="check after it found rows: no city has small letters"):
        changing.apply()
    cities = "select distinct city from dimensions.dim_customer where city is not null"
    assert changing.query(cities) == [["Pune"]]
    repair.write_text(text)
    assert changing.apply() == ["repairs/001_upper_case_cities.sql"]
    assert changing.query(cities) == [["PUNE"]]
    assert changing.query("select version from quality.schema_migrations") == [["001_upper_case_cities"]]

    repair.write_text(text + "-- another word\n".replace("--", "select 1; --"))
    with pytest.raises(SqlFileError, match="must begin with a query below"):
        changing.plan()
    repair.write_text(text.replace("upper(city);\n--", "upper(city) where true;\n--"))
    assert "a repair is applied once" in changing.plan().refused[0]
    (folder / "001_again.sql").write_text(text)
    with pytest.raises(
        SqlFileError, match=r"001_upper_case_cities\.sql and repairs/001_again\.sql have one number"
    ):
        changing.plan()


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (
            "facts/fact_sales/table.sql",
            "sortkey (order_date);",
            "sortkey (order_date);\ntruncate facts.fact_sales;",
            "TRUNCATE",
        ),
        (
            "facts/fact_sales/table.sql",
            "facts.fact_sales (\n",
            "facts.fact_sale (\n",
            "its folder says facts.fact_sales",
        ),
        (
            "facts/fact_sales/table.sql",
            "    order_id varchar(64) not null,",
            "    order_id varchar(64) not null unique,",
            "no plan compares",
        ),
        (
            "ddl/before_tables/020_roles.sql",
            "create role dwh_etl;",
            "create group dwh_etl;",
            "include/sql/repairs",
        ),
        (
            "ddl/after_tables/700_grants.sql",
            "grant select on dimensions.dim_date",
            "grant select on dimensions.dim_dates",
            "nowhere declared",
        ),
    ],
)
def test_a_declaration_that_cannot_be_compared_is_named(
    changing: Changing, name: str, before: str, after: str, said: str
) -> None:
    changing.edit(name, before, after)
    with pytest.raises(SqlFileError, match=re.escape(said)):
        changing.plan()


def test_a_warehouse_of_a_release_before_plans_is_taken_over(changing: Changing) -> None:
    """Nothing was noted then: tables stay, views are made again, and from then on nothing is to be done."""
    changing.run("delete from quality.schema_objects")
    plan = changing.plan()
    assert all(words.startswith("changed view ") for step in plan.steps for words in step.words)
    changing.apply()
    changing.nothing_lost()


def test_a_fresh_warehouse_can_be_killed_after_any_statement(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as running:
        for schema in ("analytics", "facts", "dimensions", "history", "staging", "quality"):
            running.admin.execute(f"drop schema {schema} cascade")
        session, wanted, killed = ConnectionSession(running.connect), declared.read(SQL), 0
        for budget in (1, 7, 40, 41, 90, 150, 200, 260, 10_000):
            left = [budget]

            def spend(_: str, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt

            try:
                plan = apply.plan_changes(session, wanted, [], [], [])
                Application(plan, ConnectionSession(running.connect, spend)).run()
            except KeyboardInterrupt:
                killed += 1
        assert killed > 4
        assert plan_changes(session).empty
        assert running.rows("select count(*) as n from dimensions.dim_customer")[0]["n"] == 1
