-- audit: every current line of a touched order whose header has arrived is in fact_sales once, with its amount
-- severity: fail
{% from "macros/queue.sql" import touched_keys %}
{% from "macros/versions.sql" import newest_rank %}
with touched as (
    {{ touched_keys("agg_order", "order_id") }}
),

members as (
    select distinct items.order_item_id
    from history.order_items as items
    inner join touched on items.order_id = touched.order_id
),

ranked as (
    select
        items.order_id,
        cast(coalesce(items.line_total, items.quantity * items.unit_price) as decimal(18, 4)) as line_total,
        {{ newest_rank("items.order_item_id", "items") }} as version_rank
    from history.order_items as items
    inner join members on items.order_item_id = members.order_item_id
),

arrived as (
    select distinct orders.order_id
    from history.orders as orders
    inner join touched on orders.order_id = touched.order_id
),

expected as (
    select
        ranked.order_id,
        count(*) as order_lines,
        sum(ranked.line_total) as amount
    from ranked
    inner join arrived on ranked.order_id = arrived.order_id
    where ranked.version_rank = 1
    group by ranked.order_id
),

loaded as (
    select
        sales.order_id,
        count(*) as order_lines,
        sum(sales.line_total) as amount
    from facts.fact_sales as sales
    inner join touched on sales.order_id = touched.order_id
    group by sales.order_id
)

select
    coalesce(expected.order_id, loaded.order_id) as order_id,
    expected.order_lines as history_lines,
    loaded.order_lines as fact_lines,
    expected.amount as history_amount,
    loaded.amount as fact_amount
from expected
full outer join loaded on expected.order_id = loaded.order_id
where
    coalesce(expected.order_lines, 0) <> coalesce(loaded.order_lines, 0)
    or coalesce(expected.amount, 0) <> coalesce(loaded.amount, 0)
