{% from "macros/quotient.sql" import quotient %}
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
),

shared as (
    select
        categories.*,
        sum(total_revenue) over () as all_revenue
    from categories
)

select
    category_name,
    products,
    units_sold,
    total_revenue,
    gross_profit,
    {{ quotient("100 * gross_profit", "costed_revenue") }} as gross_margin_percent,
    {{ quotient("100 * units_returned", "units_gross") }} as return_rate_percent,
    {{ quotient("100 * total_revenue", "all_revenue") }} as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from shared;
