create or replace view analytics.category_performance as
with categories as (
    select
        coalesce(category_name, 'unknown') as category_name,
        count(*) as products,
        sum(units_sold) as units_sold,
        sum(total_revenue) as total_revenue,
        sum(costed_revenue) as costed_revenue,
        sum(case when costed_lines > 0 then gross_profit end) as gross_profit,
        sum(units_gross) as units_gross,
        sum(units_returned) as units_returned
    from analytics.agg_product
    group by coalesce(category_name, 'unknown')
)

select
    category_name,
    products,
    units_sold,
    total_revenue,
    gross_profit,
    cast(case when costed_revenue <> 0 then round(100 * gross_profit / costed_revenue, 2) end as decimal(38, 2))
        as gross_margin_percent,
    cast(case when units_gross > 0 then round(100.0 * units_returned / units_gross, 2) end as decimal(38, 2))
        as return_rate_percent,
    cast(
        case
            when sum(total_revenue) over () <> 0 then round(100 * total_revenue / sum(total_revenue) over (), 2)
        end as decimal(38, 2)
    ) as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from categories;
