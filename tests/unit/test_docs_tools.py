"""The documentation's tools: lineage read out of SQL, and a site that loads nothing from elsewhere."""

from __future__ import annotations

import pytest

from tools import docs_site
from tools.generate import __main__ as generate
from tools.generate import lineage


def test_lineage_follows_temporary_tables_and_common_tables():
    text = """
    create temp table touched as select order_id from history.pending_key;
    create temp table lines as
    with counted as (select * from facts.fact_sales), other as (select 1)
    select counted.a from counted inner join touched on true inner join dimensions.dim_product as p on true;
    delete from analytics.agg_day where true; -- from nothing.at_all
    insert into analytics.agg_day (a) select a from lines left join analytics.agg_day on true;
    insert into history.pending_key select a from facts.fact_sales;
    update quality.ledger set a = stg.a from staging.stg_ledger as stg;
    """

    assert lineage.file_lineage(text) == {
        "analytics.agg_day": {"facts.fact_sales", "dimensions.dim_product"},
        "quality.ledger": {"staging.stg_ledger"},
    }


def test_every_table_of_the_model_comes_from_raw_files_in_the_end():
    edges = lineage.read_lineage()

    def origins(table, seen=frozenset()):
        if table.startswith("raw/"):
            return {table}
        return set().union(
            *(origins(source, seen | {table}) for source in edges.get(table, ()) if source not in seen)
        )

    assert origins("analytics.customer_360") >= {"raw/customers", "raw/orders", "raw/order_items"}
    assert origins("analytics.sales_funnel") >= {"raw/web_events", "raw/orders"}
    assert origins("facts.fact_inventory") >= {"raw/products"}
    assert not {table for table in edges if "pending" in table}


def test_the_picture_names_every_table():
    edges = lineage.read_lineage()
    svg = lineage.picture(edges)

    assert svg.startswith("<svg")
    for table in edges:
        assert f">{table.partition('.')[2]}<" in svg or f">{table}<" in svg, table


@pytest.mark.parametrize(
    ("page", "foreign"),
    [
        ('<script src="https://unpkg.com/x"></script>', 1),
        ('<link rel="stylesheet" href="//fonts.example/css">', 1),
        ('<img alt="x" src="http://example/x.png">', 1),
        ('<link href="assets/main.css" rel="stylesheet"><img src="images/x.png">', 0),
        ('<a href="https://docs.aws.amazon.com">a link may lead away</a>', 0),
        ('<link rel="canonical" href="https://example/page">', 0),
    ],
)
def test_a_page_that_loads_from_another_host_is_found(tmp_path, page, foreign):
    (tmp_path / "index.html").write_text(page)

    assert len(list(docs_site.foreign_loads(tmp_path))) == foreign


def test_a_style_sheet_that_loads_from_another_host_is_found(tmp_path):
    (tmp_path / "a.css").write_text("@import url('https://fonts.example/x'); .a{background:url(img/x.png)}")

    assert len(list(docs_site.foreign_loads(tmp_path))) == 1


def test_every_generator_takes_check():
    import importlib

    for name in generate.GENERATORS:
        assert callable(importlib.import_module(name).main), name
