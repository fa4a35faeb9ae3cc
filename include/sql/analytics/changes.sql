-- The change since the last publish: revenue lines of the touched orders as published (-1) and as they are (+1).
{% from "macros/queue.sql" import queued %}
create temp table line_change distkey (order_id) as
select
    -1 as change,
    order_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit
from history.published_line
union all
select
    1 as change,
    sales.order_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit
from facts.fact_sales as sales
where
    sales.is_revenue
    and sales.order_id in (
        {{ queued("agg_order") }}
    );

-- All lines of one order share its date, customer and place.
create temp table order_change distkey (order_id) as
select
    change,
    order_id,
    max(customer_id) as customer_id,
    max(order_date) as order_date,
    cast(date_trunc('month', max(order_date)) as date) as month_start,
    max(geography_key) as geography_key,
    change * sum(cast(quantity as bigint)) as units,
    change * sum(line_total) as revenue
from line_change
group by change, order_id;
