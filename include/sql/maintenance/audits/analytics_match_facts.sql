-- audit: orders, customers and revenue of every aggregate equal those of the facts; run it when nothing is pending
-- severity: fail
with facts_total as (
    select
        count(distinct order_id) as orders,
        coalesce(sum(line_total), 0) as revenue,
        coalesce(sum(case when customer_id is not null then line_total else 0 end), 0) as known_revenue,
        count(distinct case when customer_id is not null then order_id end) as known_orders
    from facts.fact_sales
    where is_revenue
),

product_orders as (
    select count(*) as orders
    from (
        select distinct
            product_id,
            order_id
        from facts.fact_sales
        where is_revenue
    ) as pairs
),

totals as (
    select
        'agg_order' as aggregate_name,
        count(*) as orders,
        coalesce(sum(revenue), 0) as revenue
    from analytics.agg_order
    union all
    select
        'agg_day' as aggregate_name,
        coalesce(sum(total_orders), 0) as orders,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_day
    union all
    select
        'agg_statement' as aggregate_name,
        coalesce(sum(orders), 0) as orders,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_statement
    union all
    select
        'agg_month' as aggregate_name,
        coalesce(sum(total_orders), 0) as orders,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_month
    union all
    select
        'agg_geography' as aggregate_name,
        coalesce(sum(total_orders), 0) as orders,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_geography
    union all
    select
        'agg_product' as aggregate_name,
        coalesce(sum(orders), 0) as orders,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_product
    union all
    select
        'agg_customer' as aggregate_name,
        coalesce(sum(total_orders), 0) as orders,
        coalesce(sum(lifetime_value), 0) as revenue
    from analytics.agg_customer
    union all
    select
        'agg_customer_month' as aggregate_name,
        coalesce(sum(total_orders), 0) as orders,
        coalesce(sum(revenue), 0) as revenue
    from analytics.agg_customer_month
),

expected as (
    select
        totals.aggregate_name,
        totals.orders,
        totals.revenue,
        case
            when totals.aggregate_name = 'agg_product' then product_orders.orders
            when totals.aggregate_name in ('agg_customer', 'agg_customer_month') then facts_total.known_orders
            else facts_total.orders
        end as fact_orders,
        case
            when totals.aggregate_name in ('agg_customer', 'agg_customer_month') then facts_total.known_revenue
            else facts_total.revenue
        end as fact_revenue
    from totals
    cross join facts_total
    cross join product_orders
)

select
    aggregate_name,
    orders,
    fact_orders,
    revenue,
    fact_revenue
from expected
where orders <> fact_orders or revenue <> fact_revenue
