-- Replaces the lines of the touched orders; old_sale keeps the replaced ones for the steps below.
{% from "macros/bounds.sql" import within %}
{% from "macros/queue.sql" import queued %}
{% from "macros/statement.sql" import AMOUNTS %}
create temp table old_sale distkey (order_id) as
select
    sales.order_id,
    sales.order_item_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit,
    sales.is_revenue,
    sales.is_unsettled,
    {% for amount in AMOUNTS %}
        sales.{{ amount }},
    {% endfor %}
    sales.cost
from facts.fact_sales as sales
where
    {{ within("sales.order_date", "sale") }}
    and sales.order_id in (
        {{ queued("sales_order") }}
    );

delete from facts.fact_sales
using old_sale
where fact_sales.order_id = old_sale.order_id and {{ within("fact_sales.order_date", "sale") }};

insert into facts.fact_sales (
    order_item_id,
    order_id,
    order_date,
    order_date_key,
    order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    gross_profit,
    is_revenue,
    is_return,
    delivery_date,
    canonical_status,
    is_unsettled,
    is_unconverted,
    gross_sales,
    discounts,
    returns,
    refunds,
    net_sales,
    taxes,
    shipping,
    total_sales,
    cost,
    gross_profit_after_discount,
    order_total,
    computed_total,
    difference_reason
)
select
    order_item_id,
    order_id,
    order_date,
    cast(to_char(order_date, 'YYYYMMDD') as integer) as order_date_key,
    order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    gross_profit,
    is_revenue,
    is_return,
    delivery_date,
    canonical_status,
    is_unsettled,
    is_unconverted,
    gross_sales,
    discounts,
    returns,
    refunds,
    net_sales,
    taxes,
    shipping,
    total_sales,
    cost,
    gross_profit_after_discount,
    order_total,
    computed_total,
    difference_reason
from new_sale;

-- Where the audits and the refresh of the aggregates find these orders again.
insert into history.pending_range (table_name, first_date, last_date)
select
    'fact_sales' as table_name,
    min(order_date) as first_date,
    max(order_date) as last_date
from new_sale
having count(*) > 0
{% for table, name in (("orders", "order"), ("order_items", "item")) %}
    union all
    select
        '{{ table }}' as table_name,
        cast('{first_{{ name }}}' as date) as first_date,
        cast('{last_{{ name }}}' as date) as last_date{{ ";" if loop.last }}
{% endfor %}
