-- Reads once what the audits of touched orders compare: their lines in the fact, their newest headers and their newest
-- lines in history, also those of orders that have not arrived. Audits name this file in their header (-- reads) and run
-- after it, in its transaction. Each reads temporary tables only, whose sizes the planner knows.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/queue.sql" import queued, work %}
{% from "macros/versions.sql" import newest_rank %}
-- needed: orders were merged since the last publish
{{ work("agg_order") }};

-- bounds: days of the queued orders, in the fact and in history
select
{% for table, name in (("fact_sales", "sale"), ("orders", "order"), ("order_items", "item")) %}
        {% set of_table = "case when table_name = '" ~ table ~ "' then " %}
        {{ span(of_table ~ "first_date end", name, of_table ~ "last_date end") }}{{ "," if not loop.last }}
{% endfor %}
from history.pending_range;

create temp table audited_sale distkey (order_id) as
select
    sales.order_item_id,
    sales.order_id,
    sales.order_date,
    sales.order_date_key,
    sales.order_timestamp,
    sales.customer_key,
    sales.customer_id,
    sales.product_key,
    sales.product_id,
    sales.geography_key,
    sales.line_total,
    sales.tax_amount,
    sales.shipping_amount,
    sales.discount_amount,
    sales.currency,
    sales.is_revenue,
    sales.is_unconverted,
    sales.canonical_status,
    sales.gross_sales,
    sales.discounts,
    sales.returns,
    sales.refunds,
    sales.net_sales,
    sales.taxes,
    sales.shipping,
    sales.total_sales
from facts.fact_sales as sales
where
    {{ within("sales.order_date", "sale") }}
    and sales.order_id in (
        {{ queued("agg_order") }}
    );

create temp table audited_header distkey (order_id) as
select
    headers.order_id,
    headers.tax,
    headers.shipping_cost,
    headers.discount
from (
    select
        orders.order_id,
        coalesce(orders.tax, 0) as tax,
        coalesce(orders.shipping_cost, 0) as shipping_cost,
        coalesce(orders.discount, 0) as discount,
        {{ newest_rank("orders.order_id", "orders") }} as version_rank
    from history.orders as orders
    where
        {{ within("orders.delivery_date", "order") }}
        and orders.order_id in (
            {{ queued("agg_order") }}
        )
) as headers
where headers.version_rank = 1;

create temp table audited_line distkey (order_id) as
select
    items.order_id,
    items.delivery_date,
    items.line_total
from (
    select
        items.order_id,
        items.delivery_date,
        cast(coalesce(items.line_total, items.quantity * items.unit_price) as decimal(18, 4)) as line_total,
        {{ newest_rank("items.order_item_id", "items") }} as version_rank
    from history.order_items as items
    where
        {{ within("items.delivery_date", "item") }}
        and items.order_id in (
            {{ queued("agg_order") }}
            union
            select others.order_id
            from history.shared_item as mine
            inner join history.shared_item as others on mine.order_item_id = others.order_item_id
            where mine.order_id in (
                {{ queued("agg_order") }}
            )
        )
) as items
where items.version_rank = 1;
