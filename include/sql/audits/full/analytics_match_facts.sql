-- audit: revenue of customers' orders, months, products and places equals that of the facts
-- severity: fail
with facts_total as (
    select coalesce(sum(line_total), 0) as revenue
    from facts.fact_sales
    where is_revenue
),

totals as (
    select
        'agg_order' as aggregate_name,
        coalesce(sum(revenue), 0) as revenue
    from analytics.agg_order
    union all
    select
        'agg_month' as aggregate_name,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_month
    union all
    select
        'agg_geography' as aggregate_name,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_geography
    union all
    select
        'agg_product' as aggregate_name,
        coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_product
)

select
    totals.aggregate_name,
    totals.revenue,
    facts_total.revenue as fact_revenue
from totals
cross join facts_total
where totals.revenue <> facts_total.revenue
