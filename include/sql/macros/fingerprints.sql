{# generated from include/sql; run make generate #}
{% set built = [
    ("history.published_line", "history/published_line/keep.sql", "092611c869b40d108b78f42a3beee43d"),
    ("history.published_line", "analytics/changes.sql", "42ac1e96876cfdd87a286d492cc1f73f"),
    ("dimensions.dim_customer", "dimensions/dim_customer/deliveries.sql", "f91a3c72c0e8875a4809efd0e9c1f813"),
    ("dimensions.dim_customer", "dimensions/dim_customer/inferred.sql", "42a9f1715dff2013d74faf881185dd19"),
    ("dimensions.dim_customer", "dimensions/dim_customer/merge.sql", "3f13dcf8f1b604e105295cab3d48145e"),
    ("dimensions.dim_customer", "dimensions/dim_customer/moved_facts.sql", "06b2d7a3e3e3e95d87cd42afef590e2e"),
    ("dimensions.dim_customer", "dimensions/dim_customer/versions.sql", "0bafb51df139d90325bf056f025447da"),
    ("dimensions.dim_geography", "dimensions/dim_geography/members.sql", "40acbcfb9648830e33f59bb8023e32ff"),
    ("dimensions.dim_product", "dimensions/dim_product/deliveries.sql", "f2c76dbbc828c8c22fd81dfe223b254b"),
    ("dimensions.dim_product", "dimensions/dim_product/inferred.sql", "8e0a353986a64075bd4932c041c865db"),
    ("dimensions.dim_product", "dimensions/dim_product/merge.sql", "57ce390398e1c548c3a40dd7dbed1537"),
    ("dimensions.dim_product", "dimensions/dim_product/moved_facts.sql", "7fbc2402e01e138328127c9130f686ec"),
    ("dimensions.dim_product", "dimensions/dim_product/versions.sql", "be97f69599f2cafb186e98dad0920176"),
    ("facts.agg_product_day", "facts/agg_product_day/units.sql", "34c1cafda1337e75257d88262718d1f5"),
    ("facts.fact_inventory", "facts/fact_inventory/merge.sql", "2edffad97582b114a9f6c7da01980d91"),
    ("facts.fact_sales", "facts/fact_sales/allocation.sql", "1f81278fdec5c15780affe01ef1d41b0"),
    ("facts.fact_sales", "facts/fact_sales/bounds.sql", "717f3ba7b5ef138be7e27911db41afcb"),
    ("facts.fact_sales", "facts/fact_sales/headers.sql", "f87d1972acfd405f66e902ae0a9b24c3"),
    ("facts.fact_sales", "facts/fact_sales/lines.sql", "61d4fb249ba02d7a19590dbb6944371f"),
    ("facts.fact_sales", "facts/fact_sales/merge.sql", "7af5227eae3f7814ed0db63bb6973ef9"),
    ("facts.fact_sales", "facts/fact_sales/new_sales.sql", "2eb317c8044dfe023e066ae655c415bc"),
    ("facts.fact_sales", "facts/fact_sales/reconciled.sql", "38dc0222bd3f2cbe7c3533304f9b82c3"),
    ("facts.fact_sales", "facts/fact_sales/replace_lines.sql", "fe58b4cf2c47ee30519de4e83ad18e4a"),
    ("facts.fact_web_events", "facts/fact_web_events/merge.sql", "bce1787c5b3177fc7e5f8bd61e1fec47"),
    ("facts.fact_web_events", "facts/fact_web_events/sessions.sql", "db49b657621399f559299978ca41a500"),
    ("analytics.agg_customer", "analytics/agg_customer/refresh.sql", "725e8b4fb4b4e1f13ebb3ed48563d782"),
    ("analytics.agg_customer_month", "analytics/agg_customer_month/refresh.sql", "cbfe340c60fac9beaec9bfc899310bbb"),
    ("analytics.agg_day", "analytics/agg_day/refresh.sql", "fe976d239371f8b8a86220781c27d126"),
    ("analytics.agg_funnel_day", "analytics/agg_funnel_day/refresh.sql", "6da8503b2ea608d30088328e3c62f2bf"),
    ("analytics.agg_geography", "analytics/agg_geography/refresh.sql", "3b99dc4ba28af188a2aeb5ee39d4fcda"),
    ("analytics.agg_geography_customer", "analytics/agg_geography_customer/refresh.sql", "4a8fd0054bc0134f6b3149b6fe2a4d38"),
    ("analytics.agg_month", "analytics/agg_month/refresh.sql", "571f9065239c5488df7c4b21caa18496"),
    ("analytics.agg_order", "analytics/agg_order/refresh.sql", "f06e238e052a4a3a18e03f76478d5b49"),
    ("analytics.agg_product", "analytics/agg_product/refresh.sql", "6d9abc07ed111ab302d9fb631bfe9f4a"),
    ("analytics.agg_product_customer", "analytics/agg_product_customer/refresh.sql", "2d1663cdd83a3b3f07eb2675b4aaba0c"),
    ("analytics.agg_statement", "analytics/agg_statement/refresh.sql", "f8a7e4b3c985957477b029609c493523"),
    ("analytics.score_bound", "analytics/score_bound/refresh.sql", "779ca8bae1721145c58482588faa87e5"),
] %}
{# The code that builds each table: hash of the syntax tree of each file after macros. #}
{% macro fingerprints() %}
    {% for table, file, fingerprint in built %}
        select
            '{{ table }}' as table_name,
            '{{ file }}' as file_name,
            '{{ fingerprint }}' as fingerprint
        {{ "union all" if not loop.last }}
    {% endfor %}
{% endmacro %}
