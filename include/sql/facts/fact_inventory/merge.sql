-- Rebuilds the pending stock snapshots of fact_inventory.
-- Grain: product and delivered day. Key: (product_id, snapshot_date); the newest delivery of the day is the
-- current one.
-- Days of supply: stock / (units of revenue lines in the 28 days up to and including the snapshot / 28).
-- Days of supply are computed from sales, so fact_sales comes before.
-- after: fact_sales, fact_web_events
{% from "macros/bounds.sql" import within %}
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/queue.sql" import count_merge %}
{% from "macros/quotient.sql" import quotient %}
{% from "macros/time.sql" import readable_day %}
{% from "macros/versions.sql" import newest_rank, valid_at_end_of %}
lock table history.pending_key;

-- needed: stock snapshots wait to be merged
select count(*) as pending_spans
from history.pending_inventory
having count(*) > 0;

-- Pending ranges of a product that meet or overlap become one.
create temp table pending_span distkey (product_id) as
with marked as (
    select
        product_id,
        first_date,
        last_date,
        max(last_date) over (
            partition by product_id order by first_date, last_date
            rows between unbounded preceding and 1 preceding
        ) as reached
    from history.pending_inventory
),

numbered as (
    select
        product_id,
        first_date,
        last_date,
        sum(case when reached is null or first_date > dateadd(day, 1, reached) then 1 else 0 end) over (
            partition by product_id order by first_date, last_date
            rows between unbounded preceding and current row
        ) as span_number
    from marked
)

select
    product_id,
    min(first_date) as first_date,
    max(last_date) as last_date
from numbered
group by product_id, span_number;

-- bounds: days of the pending snapshots, and of the sales that count for them
select
    min(first_date) as first_snapshot,
    max(last_date) as last_snapshot,
    {{ readable_day("dateadd(day, -27, min(first_date))") }} as first_sold
from pending_span;

create temp table touched_snapshot distkey (product_id) as
select
    numbered.product_id,
    numbered.first_date,
    numbered.delivery_date as snapshot_date,
    numbered.stock_quantity
from (
    select
        products.product_id,
        pending.first_date,
        products.delivery_date,
        products.stock_quantity,
        {{ newest_rank("products.product_id, products.delivery_date", "products") }} as version_rank
    from history.products as products
    inner join pending_span as pending
        on
            products.product_id = pending.product_id
            and products.delivery_date between pending.first_date and pending.last_date
            and {{ within("products.delivery_date", "snapshot") }}
) as numbered
where numbered.version_rank = 1 and numbered.stock_quantity is not null;

-- Units sold in the 28 days before each snapshot of a span.
create temp table sold_day distkey (product_id) as
select
    sold.product_id,
    pending.first_date,
    sold.order_date,
    sold.units
from facts.agg_product_day as sold
inner join pending_span as pending
    on
        sold.product_id = pending.product_id
        and sold.order_date between dateadd(day, -27, pending.first_date) and pending.last_date
        and sold.order_date between '{first_sold}' and '{last_snapshot}';

delete from facts.fact_inventory
using pending_span
where
    fact_inventory.product_id = pending_span.product_id
    and fact_inventory.snapshot_date between pending_span.first_date and pending_span.last_date
    and {{ within("fact_inventory.snapshot_date", "snapshot") }};

insert into facts.fact_inventory (
    snapshot_date, snapshot_date_key, product_key, product_id, stock_quantity, units_sold_28d, days_of_supply
)
-- The units of a day are added on that day and subtracted 28 days later, before the snapshot of the day: the running
-- sum of a span is the number of units sold in its last 28 days.
with unit_flow as (
    select
        product_id,
        first_date,
        snapshot_date as flow_date,
        1 as is_snapshot,
        stock_quantity,
        0 as units
    from touched_snapshot
    union all
    select
        product_id,
        first_date,
        order_date as flow_date,
        0 as is_snapshot,
        cast(null as integer) as stock_quantity,
        units
    from sold_day
    union all
    select
        product_id,
        first_date,
        cast(dateadd(day, 28, order_date) as date) as flow_date,
        0 as is_snapshot,
        cast(null as integer) as stock_quantity,
        -units as units
    from sold_day
),

trailing_units as (
    select
        product_id,
        flow_date as snapshot_date,
        is_snapshot,
        stock_quantity,
        sum(units) over (
            partition by product_id, first_date order by flow_date, is_snapshot
            rows between unbounded preceding and current row
        ) as units
    from unit_flow
)

select
    trailing_units.snapshot_date,
    cast(to_char(trailing_units.snapshot_date, 'YYYYMMDD') as integer) as snapshot_date_key,
    coalesce(
        product.product_key,
        {{ first_version_key("trailing_units.product_id") }}
    ) as product_key,
    trailing_units.product_id,
    trailing_units.stock_quantity,
    cast(trailing_units.units as bigint) as units_sold_28d,
    cast(
        case
            when trailing_units.units > 0
                then
                    {{ quotient("28 * cast(trailing_units.stock_quantity as bigint)", "trailing_units.units") }}
        end as decimal(18, 2)
    ) as days_of_supply
from trailing_units
left join dimensions.dim_product as product
    on
        trailing_units.product_id = product.product_id
        and product.product_key <> -1
        and {{ valid_at_end_of("product", "trailing_units.snapshot_date") }}
where trailing_units.is_snapshot = 1;

delete from history.pending_inventory;

{{ count_merge() }};
