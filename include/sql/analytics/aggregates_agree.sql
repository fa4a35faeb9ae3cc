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
)

select
    by_day.revenue as day_revenue,
    by_month.revenue as month_revenue,
    by_place.revenue as place_revenue,
    by_product.revenue as product_revenue
from by_day
cross join by_month
cross join by_place
cross join by_product
where
    by_day.revenue <> by_month.revenue
    or by_day.revenue <> by_place.revenue
    or by_day.revenue <> by_product.revenue;
