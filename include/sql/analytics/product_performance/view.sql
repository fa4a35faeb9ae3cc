{% from "macros/quotient.sql" import quotient %}
create or replace view analytics.product_performance as
select
    product_id,
    product_name,
    category_name,
    brand,
    price as current_price,
    cost as current_cost,
    units_sold,
    total_revenue,
    case when costed_lines > 0 then gross_profit end as gross_profit,
    {{ quotient("100 * gross_profit", "costed_revenue") }} as gross_margin_percent,
    orders,
    customers,
    {{ quotient("100 * units_returned", "units_gross") }} as return_rate_percent,
    rank() over (partition by category_name order by total_revenue desc) as revenue_rank_in_category,
    rank() over (order by total_revenue desc) as overall_revenue_rank
from analytics.agg_product;
