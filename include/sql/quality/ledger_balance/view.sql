-- The balance of each source over all loaded days: accepted = current + superseded + held.
{% from "macros/versions.sql" import newest_rank %}
create or replace view quality.ledger_balance as
with item_versions as (
    select
        items.order_item_id,
        items.order_id,
        cast(coalesce(items.line_total, items.quantity * items.unit_price) as decimal(38, 4)) as amount,
        {{ newest_rank("items.order_item_id", "items") }} as version_rank
    from history.order_items as items
),

known_orders as (
    select distinct order_id
    from history.orders
),

items as (
    select
        count(*) as accepted_rows,
        sum(amount) as accepted_amount,
        sum(case when version_rank > 1 then 1 else 0 end) as superseded_rows,
        sum(case when version_rank > 1 then amount else 0 end) as superseded_amount,
        sum(case when version_rank = 1 and known_orders.order_id is null then 1 else 0 end) as held_rows,
        sum(case when version_rank = 1 and known_orders.order_id is null then amount else 0 end) as held_amount
    from item_versions
    left join known_orders on item_versions.order_id = known_orders.order_id
),

loaded as (
    select
        count(*) as current_rows,
        sum(line_total) as current_amount
    from facts.fact_sales
),

events as (
    select
        count(*) as accepted_rows,
        count(*) - count(distinct event_id) as superseded_rows
    from history.web_events
),

loaded_events as (
    select count(*) as current_rows
    from facts.fact_web_events
)

select
    'order_items' as source,
    items.accepted_rows,
    loaded.current_rows,
    coalesce(items.superseded_rows, 0) as superseded_rows,
    coalesce(items.held_rows, 0) as held_rows,
    coalesce(items.accepted_amount, 0) as accepted_amount,
    coalesce(loaded.current_amount, 0) as current_amount,
    coalesce(items.superseded_amount, 0) as superseded_amount,
    coalesce(items.held_amount, 0) as held_amount
from items
cross join loaded
union all
select
    'orders' as source,
    count(*) as accepted_rows,
    count(distinct order_id) as current_rows,
    count(*) - count(distinct order_id) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.orders
union all
select
    'web_events' as source,
    events.accepted_rows,
    loaded_events.current_rows,
    events.superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from events
cross join loaded_events
union all
select
    'customers' as source,
    count(*) as accepted_rows,
    count(distinct customer_id || '|' || cast(version_at as varchar(32))) as current_rows,
    count(*) - count(distinct customer_id || '|' || cast(version_at as varchar(32))) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.customers
union all
select
    'products' as source,
    count(*) as accepted_rows,
    count(distinct product_id || '|' || cast(version_at as varchar(32))) as current_rows,
    count(*) - count(distinct product_id || '|' || cast(version_at as varchar(32))) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.products;
