-- Keeps the lines as the aggregates counted them. A step of facts/fact_sales/merge.sql.
{% from "macros/queue.sql" import touched_keys %}
{% from "macros/statement.sql" import AMOUNTS %}
create temp table kept_order distkey (order_id) as
{{ touched_keys("agg_order", "order_id") }};

-- The lines are kept until the aggregates are refreshed. The first change of an order since the last publish finds
-- them in the fact; a later change finds the order in the queue and keeps nothing.
insert into history.published_line (
    order_id,
    order_item_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit,
    is_unsettled,
    {% for amount in AMOUNTS %}
        {{ amount }},
    {% endfor %}
    cost
)
select
    old_sale.order_id,
    old_sale.order_item_id,
    old_sale.order_date,
    old_sale.customer_id,
    old_sale.product_id,
    old_sale.geography_key,
    old_sale.quantity,
    old_sale.line_total,
    old_sale.gross_profit,
    old_sale.is_unsettled,
    {% for amount in AMOUNTS %}
        old_sale.{{ amount }},
    {% endfor %}
    old_sale.cost
from old_sale
left join kept_order as kept on old_sale.order_id = kept.order_id
where old_sale.is_revenue and kept.order_id is null;
