{% from "macros/quotient.sql" import quotient %}
create or replace view analytics.geographic_sales as
with places as (
    select
        country,
        state,
        city,
        total_customers,
        total_orders,
        total_revenue,
        sum(total_revenue) over () as all_revenue
    from analytics.agg_geography
)

select
    country,
    state,
    city,
    total_customers,
    total_orders,
    total_revenue,
    {{ quotient("total_revenue", "total_customers") }} as revenue_per_customer,
    {{ quotient("100 * total_revenue", "all_revenue") }} as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from places;
