-- guard: aggregates disagree on revenue, so they are not those of the facts; run maintenance/rebuild_analytics.sql
with by_day as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_day
),

by_month as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_month
),

by_place as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_geography
),

by_product as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_product
),

by_statement as (
    select
        coalesce(sum(total_revenue), 0) as revenue,
        coalesce(sum(gross_sales - returns + refunds), 0) as statement_revenue
    from analytics.agg_statement
)

select
    by_day.revenue as day_revenue,
    by_month.revenue as month_revenue,
    by_place.revenue as place_revenue,
    by_product.revenue as product_revenue,
    by_statement.revenue as day_place_revenue,
    by_statement.statement_revenue
from by_day
cross join by_month
cross join by_place
cross join by_product
cross join by_statement
where
    by_day.revenue <> by_month.revenue
    or by_day.revenue <> by_place.revenue
    or by_day.revenue <> by_product.revenue
    or by_day.revenue <> by_statement.revenue
    or by_statement.revenue <> by_statement.statement_revenue;
