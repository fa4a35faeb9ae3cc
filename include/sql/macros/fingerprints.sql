{# generated from include/sql; run make generate #}
{% set built = [
    ("history.published_line", "history/published_line/keep.sql", "092611c869b40d108b78f42a3beee43d"),
    ("history.published_line", "analytics/changes.sql", "22c9d810de9d5a76de19bc5b5bde19f7"),
    ("dimensions.dim_customer", "dimensions/dim_customer/deliveries.sql", "f91a3c72c0e8875a4809efd0e9c1f813"),
    ("dimensions.dim_customer", "dimensions/dim_customer/inferred.sql", "42a9f1715dff2013d74faf881185dd19"),
    ("dimensions.dim_customer", "dimensions/dim_customer/merge.sql", "51d8c8fdd4196b9e617ac103fe5264a8"),
    ("dimensions.dim_customer", "dimensions/dim_customer/moved_facts.sql", "afe17366270a087a3e526f406c573a00"),
    ("dimensions.dim_customer", "dimensions/dim_customer/versions.sql", "0bafb51df139d90325bf056f025447da"),
    ("dimensions.dim_geography", "dimensions/dim_geography/members.sql", "40acbcfb9648830e33f59bb8023e32ff"),
    ("dimensions.dim_product", "dimensions/dim_product/deliveries.sql", "f2c76dbbc828c8c22fd81dfe223b254b"),
    ("dimensions.dim_product", "dimensions/dim_product/inferred.sql", "8e0a353986a64075bd4932c041c865db"),
    ("dimensions.dim_product", "dimensions/dim_product/merge.sql", "2c66df578a44cd3b8790b9ec03ffe80b"),
    ("dimensions.dim_product", "dimensions/dim_product/moved_facts.sql", "1120d62f64bf4cfee05de06ebc16fdb6"),
    ("dimensions.dim_product", "dimensions/dim_product/versions.sql", "be97f69599f2cafb186e98dad0920176"),
    ("facts.agg_product_day", "facts/agg_product_day/units.sql", "34c1cafda1337e75257d88262718d1f5"),
    ("facts.fact_inventory", "facts/fact_inventory/merge.sql", "2edffad97582b114a9f6c7da01980d91"),
    ("facts.fact_sales", "facts/fact_sales/allocation.sql", "1f81278fdec5c15780affe01ef1d41b0"),
    ("facts.fact_sales", "facts/fact_sales/bounds.sql", "717f3ba7b5ef138be7e27911db41afcb"),
    ("facts.fact_sales", "facts/fact_sales/headers.sql", "adce6f557f16e2f1b1754f88d1bd7e80"),
    ("facts.fact_sales", "facts/fact_sales/lines.sql", "61d4fb249ba02d7a19590dbb6944371f"),
    ("facts.fact_sales", "facts/fact_sales/merge.sql", "83653957234f8f6f8191d0ebcce8c202"),
    ("facts.fact_sales", "facts/fact_sales/new_sales.sql", "bc7fad7022572ea8819b7044f20c04e8"),
    ("facts.fact_sales", "facts/fact_sales/replace_lines.sql", "5aeaf6fcac32bcea2805d54db4b8e362"),
    ("facts.fact_web_events", "facts/fact_web_events/merge.sql", "842f7779cc3e3eafca14bc5f0578974b"),
    ("facts.fact_web_events", "facts/fact_web_events/sessions.sql", "1fd65e0bdb6d32516a65e4d54793cbf2"),
    ("analytics.agg_customer", "analytics/agg_customer/refresh.sql", "725e8b4fb4b4e1f13ebb3ed48563d782"),
    ("analytics.agg_customer_month", "analytics/agg_customer_month/refresh.sql", "cbfe340c60fac9beaec9bfc899310bbb"),
    ("analytics.agg_day", "analytics/agg_day/refresh.sql", "fe976d239371f8b8a86220781c27d126"),
    ("analytics.agg_funnel_day", "analytics/agg_funnel_day/refresh.sql", "6da8503b2ea608d30088328e3c62f2bf"),
    ("analytics.agg_geography", "analytics/agg_geography/refresh.sql", "3b99dc4ba28af188a2aeb5ee39d4fcda"),
    ("analytics.agg_geography_customer", "analytics/agg_geography_customer/refresh.sql", "4a8fd0054bc0134f6b3149b6fe2a4d38"),
    ("analytics.agg_month", "analytics/agg_month/refresh.sql", "571f9065239c5488df7c4b21caa18496"),
    ("analytics.agg_order", "analytics/agg_order/refresh.sql", "22456562038a99a1e1ec97c65f35c110"),
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
{# Files that built a table and have changed since; none of a table that nothing was noted of. #}
{% macro out_of_date() %}
    with code as (
        {{ fingerprints() }}
    )

    select
        coalesce(built.table_name, code.table_name) as table_name,
        coalesce(built.file_name, code.file_name) as file_name,
        case
            when code.file_name is null then 'gone' when built.file_name is null then 'new' else 'changed'
        end as what
    from quality.built_by as built
    full outer join code on built.table_name = code.table_name and built.file_name = code.file_name
    where
        coalesce(built.fingerprint, '') <> coalesce(code.fingerprint, '')
        and coalesce(built.table_name, code.table_name) in (
            select noted.table_name
            from quality.built_by as noted
        )
{% endmacro %}
