-- generated from include/sources; run make generate
-- Tables with rows that carry the key of erased_person, found by their columns.
select
    table_name,
    sum(trace_rows) as trace_rows
from (
    select
        'staging.stg_customers' as table_name,
        count(*) as trace_rows
    from staging.stg_customers as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'staging.stg_orders' as table_name,
        count(*) as trace_rows
    from staging.stg_orders as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'staging.stg_web_events' as table_name,
        count(*) as trace_rows
    from staging.stg_web_events as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'history.customers' as table_name,
        count(*) as trace_rows
    from history.customers as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'history.orders' as table_name,
        count(*) as trace_rows
    from history.orders as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'history.published_line' as table_name,
        count(*) as trace_rows
    from history.published_line as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'history.web_events' as table_name,
        count(*) as trace_rows
    from history.web_events as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'dimensions.dim_customer' as table_name,
        count(*) as trace_rows
    from dimensions.dim_customer as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'facts.fact_sales' as table_name,
        count(*) as trace_rows
    from facts.fact_sales as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'facts.fact_web_events' as table_name,
        count(*) as trace_rows
    from facts.fact_web_events as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'analytics.agg_customer' as table_name,
        count(*) as trace_rows
    from analytics.agg_customer as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'analytics.agg_customer_month' as table_name,
        count(*) as trace_rows
    from analytics.agg_customer_month as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'analytics.agg_geography_customer' as table_name,
        count(*) as trace_rows
    from analytics.agg_geography_customer as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'analytics.agg_order' as table_name,
        count(*) as trace_rows
    from analytics.agg_order as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'analytics.agg_product_customer' as table_name,
        count(*) as trace_rows
    from analytics.agg_product_customer as kept
    inner join erased_person on kept.customer_id = erased_person.customer_id
    union all
    select
        'history.pending_key' as table_name,
        count(*) as trace_rows
    from history.pending_key as kept
    inner join erased_person on kept.key_value = erased_person.customer_id
    where kept.entity in ('customer', 'agg_customer')
) as traces
where trace_rows > 0
group by table_name
order by table_name;
