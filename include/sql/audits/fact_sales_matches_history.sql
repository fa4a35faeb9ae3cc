-- audit: every standing line of a touched order whose header has arrived is in fact_sales once, with its amount
-- severity: fail
with touched as (
    select distinct key_value as order_id
    from history.pending_key
    where entity = 'agg_order'
),

named as (
    select distinct members.order_item_id
    from history.order_items as members
    inner join touched on members.order_id = touched.order_id
),

last_day as (
    select
        items.order_item_id,
        max(items.version_at) as version_at
    from history.order_items as items
    inner join named on items.order_item_id = named.order_item_id
    group by items.order_item_id
),

last_hash as (
    select
        items.order_item_id,
        last_day.version_at,
        max(items.row_hash) as row_hash
    from history.order_items as items
    inner join
        last_day
        on items.order_item_id = last_day.order_item_id and items.version_at = last_day.version_at
    group by items.order_item_id, last_day.version_at
),

standing as (
    select distinct
        items.order_item_id,
        items.order_id,
        cast(coalesce(items.line_total, items.quantity * items.unit_price) as decimal(18, 4)) as line_total
    from history.order_items as items
    inner join last_hash
        on
            items.order_item_id = last_hash.order_item_id
            and items.version_at = last_hash.version_at
            and items.row_hash = last_hash.row_hash
    inner join touched on items.order_id = touched.order_id
    where exists (
        select 1 from history.orders
        where orders.order_id = items.order_id
    )
),

expected as (
    select
        order_id,
        count(*) as lines,
        sum(line_total) as amount
    from standing
    group by order_id
),

loaded as (
    select
        sales.order_id,
        count(*) as lines,
        sum(sales.line_total) as amount
    from facts.fact_sales as sales
    inner join touched on sales.order_id = touched.order_id
    group by sales.order_id
)

select
    coalesce(expected.order_id, loaded.order_id) as order_id,
    expected.lines as history_lines,
    loaded.lines as fact_lines,
    expected.amount as history_amount,
    loaded.amount as fact_amount
from expected
full outer join loaded on expected.order_id = loaded.order_id
where
    coalesce(expected.lines, 0) <> coalesce(loaded.lines, 0)
    or coalesce(expected.amount, 0) <> coalesce(loaded.amount, 0)
