create or replace view analytics.geographic_sales as
select
    country,
    state,
    city,
    total_customers,
    total_orders,
    total_revenue,
    cast(case when total_customers > 0 then round(total_revenue / total_customers, 2) end as decimal(38, 2))
        as revenue_per_customer,
    cast(
        case
            when sum(total_revenue) over () <> 0 then round(100 * total_revenue / sum(total_revenue) over (), 2)
        end as decimal(38, 2)
    ) as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from analytics.agg_geography;
