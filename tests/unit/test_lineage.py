"""Column lineage read from SQL, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.lineage import dataset_of, glue_lineage, sql_lineage
from ecommerce_dwh.settings import Settings, get_settings
from tools.generate.sql_lineage import LineageError, lineage_of_files

INCLUDE = Path(__file__).resolve().parents[2] / "include"
DDL = {
    "history/a": """create table if not exists history.a (
    a_id varchar(64) not null,
    word varchar(64),
    primary key (a_id)
)
distkey (a_id);""",
    "facts/f": """create table if not exists facts.f (
    f_id varchar(64) not null,
    text_length integer,
    twice integer
);""",
}


def read(folder: Path, sql: str) -> dict:
    for table, ddl in DDL.items():
        (folder / table).mkdir(parents=True)
        (folder / table / "table.sql").write_text(ddl)
    (folder / "facts" / "f" / "merge.sql").write_text(sql)
    return lineage_of_files(folder, {})["facts/f/merge.sql"]


def test_scratch_tables_ctes_and_aliases_are_seen_through(tmp_path):
    found = read(
        tmp_path,
        "create temp table scratch distkey (k) as select a.a_id as k, len(a.word) as n from history.a as a;\n"
        "insert into facts.f (f_id, twice)\n"
        "with doubled as (select k, n * 2 as m from scratch)\n"
        "select doubled.k, doubled.m from doubled;\n"
        "update facts.f set text_length = scratch.n from scratch where f.f_id = scratch.k;",
    )

    assert found == {
        "inputs": ["history.a"],
        "outputs": {
            "facts.f": {
                "f_id": ["history.a.a_id"],
                "text_length": ["history.a.word"],
                "twice": ["history.a.word"],
            }
        },
    }


def test_a_filter_is_an_input_and_no_origin(tmp_path):
    found = read(
        tmp_path,
        "insert into facts.f (f_id) select 'x' as f_id from history.a where a_id in (select f_id from facts.f);",
    )

    assert found == {"inputs": ["facts.f", "history.a"], "outputs": {"facts.f": {"f_id": []}}}


def test_what_cannot_be_read_is_said_with_its_place(tmp_path):
    with pytest.raises(LineageError, match=r"facts/f/merge\.sql, statement 1 \('insert into"):
        read(tmp_path, "insert into facts.f (f_id) selekt from;")


@pytest.fixture(scope="module")
def told() -> dict:
    return json.loads((INCLUDE / "generated" / "lineage.json").read_text())


@pytest.mark.parametrize(
    ("file", "column", "origins"),
    [
        (
            "dimensions/dim_customer/merge.sql",
            "dimensions.dim_customer.email_domain",
            {"history.customers.email"},
        ),
        (
            "dimensions/dim_customer/merge.sql",
            "dimensions.dim_customer.full_name",
            {"history.customers.first_name", "history.customers.last_name"},
        ),
        ("facts/fact_sales/merge.sql", "facts.fact_sales.unit_cost", {"dimensions.dim_product.cost"}),
        ("facts/fact_sales/merge.sql", "facts.fact_sales.order_status", {"history.orders.order_status"}),
        ("history/replace_slices.sql", "history.orders.currency", {"staging.stg_orders.currency"}),
        ("staging/stg_orders/copy.sql", "staging.stg_orders.currency", {"accepted/orders.currency"}),
    ],
)
def test_columns_come_from_where_a_reader_finds_them(told, file, column, origins):
    table, _, name = column.rpartition(".")
    assert set(told[file]["outputs"][table][name]) == origins


def test_every_column_of_every_fact_and_dimension_that_is_merged_is_told(told):
    from tools.generate.sql_lineage import _declared

    declared = _declared(INCLUDE / "sql")
    outputs = {t: set(c) for f in told.values() for t, c in f["outputs"].items()}
    for table, columns in declared.items():
        if table.startswith(("facts.", "dimensions.", "analytics.agg_")) and table != "dimensions.dim_date":
            assert outputs.get(table) == set(columns), table
    scratch = [
        o for f in told.values() for t in f["outputs"].values() for c in t.values() for o in c if "temp." in o
    ]
    assert scratch == []


def test_datasets_are_named_as_openlineage_wants_them():
    settings = Settings()

    assert dataset_of("facts.fact_sales", settings) == (
        "redshift://ecommerce-dwh-dev-cluster.ap-south-1:5439",
        "ecommerce_dwh_dev.facts.fact_sales",
    )
    assert dataset_of("raw/orders", settings) == ("s3://ecommerce-dwh-dev-raw", "orders")
    assert dataset_of("accepted/orders", settings) == ("s3://ecommerce-dwh-dev-processed", "accepted/orders")


def test_an_event_has_schema_and_column_lineage():
    event = sql_lineage(["facts/fact_sales/merge.sql"], "select 1")

    output = next(d for d in event.outputs if d.name.endswith("facts.fact_sales"))
    (cost,) = output.facets["columnLineage"].fields["unit_cost"].inputFields
    assert (cost.name, cost.field) == ("ecommerce_dwh_dev.dimensions.dim_product", "cost")
    assert "unit_cost" in [field.name for field in output.facets["schema"].fields]
    assert "ecommerce_dwh_dev.history.orders" in [dataset.name for dataset in event.inputs]
    assert event.job_facets["sql"].query == "select 1"


def test_the_jobs_tell_of_files():
    event = glue_lineage(get_settings().processing_job)

    contracts = load_contracts(INCLUDE / "sources")
    assert {dataset.name for dataset in event.inputs} == set(contracts)
    orders = next(dataset for dataset in event.outputs if dataset.name == "accepted/orders")
    (raw,) = orders.facets["columnLineage"].fields["order_status_raw"].inputFields
    assert (raw.namespace, raw.name, raw.field) == ("s3://ecommerce-dwh-dev-raw", "orders", "order_status")
    assert [f.name for f in orders.facets["schema"].fields][-1] == "run_id"
