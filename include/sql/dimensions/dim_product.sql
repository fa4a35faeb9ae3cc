-- Rebuilds the pending products of dim_product (SCD type 2) from history.
-- Grain: one version of a product. Key: product_key = hash(product_id, effective_from).
-- Stock changes daily and is no attribute of a version: fact_inventory keeps it.
lock table history.pending_key;

create temp table touched_product distkey (product_id) as
select distinct key_value as product_id
from history.pending_key
where entity = 'product';

-- The keys that facts may hold, to find those that the rebuild moves. A fact that came before its product holds the
-- key that every first version has. Costs are compared as text: no number stands for no cost.
create temp table old_version distkey (product_id) as
select
    touched_product.product_id,
    coalesce(
        versions.product_key,
        strtol(left(md5(touched_product.product_id || '|1900-01-01 00:00:00.000000'), 15), 16)
    ) as product_key,
    coalesce(versions.effective_to, cast('9999-12-31' as timestamp)) as effective_to,
    coalesce(cast(versions.cost as varchar(32)), '-') as cost_text
from touched_product
left join dimensions.dim_product as versions
    on touched_product.product_id = versions.product_id and versions.product_key <> -1;

-- Of two deliveries of one version (same product, same instant) the greater content hash stands. Instants outside
-- 1900 … 9999 count as the nearest one inside: a file's nonsense must not break the intervals.
create temp table delivered distkey (product_id) as
select
    numbered.product_id,
    numbered.product_name,
    numbered.category_name,
    numbered.subcategory_name,
    numbered.brand,
    numbered.sku,
    numbered.price,
    numbered.cost,
    numbered.is_active,
    numbered.valid_from,
    numbered.attribute_hash
from (
    select
        bounded.*,
        row_number() over (
            partition by bounded.product_id, bounded.valid_from
            order by bounded.version_at desc, bounded.row_hash desc
        ) as delivery_rank
    from (
        select
            products.*,
            least(
                greatest(products.version_at, cast('1900-01-01' as timestamp)), cast('9999-12-30' as timestamp)
            ) as valid_from
        from history.product_version as products
        inner join touched_product on products.product_id = touched_product.product_id
    ) as bounded
) as numbered
where numbered.delivery_rank = 1;

delete from dimensions.dim_product
using touched_product
where dim_product.product_id = touched_product.product_id and dim_product.product_key <> -1;

insert into dimensions.dim_product (
    product_key,
    product_id,
    product_name,
    category_name,
    subcategory_name,
    brand,
    sku,
    price,
    cost,
    profit_margin,
    price_category, is_active, effective_from, effective_to, is_current, is_inferred, attribute_hash
)
with compared as (
    select
        delivered.*,
        lag(attribute_hash) over (partition by product_id order by valid_from) as previous_hash
    from delivered
),

versions as (
    select
        compared.*,
        case
            when row_number() over (partition by product_id order by valid_from) = 1
                then cast('1900-01-01' as timestamp)
            else valid_from
        end as effective_from,
        coalesce(
            lead(valid_from) over (partition by product_id order by valid_from), cast('9999-12-31' as timestamp)
        ) as effective_to,
        lead(valid_from) over (partition by product_id order by valid_from) is null as is_current
    from compared
    where previous_hash is null or previous_hash <> attribute_hash
)

select
    strtol(
        left(md5(product_id || '|' || to_char(effective_from, 'YYYY-MM-DD HH24:MI:SS.US')), 15), 16
    ) as product_key,
    product_id,
    product_name,
    category_name,
    subcategory_name,
    brand,
    sku,
    price,
    cost,
    cast(case when price > 0 then round(100 * (price - cost) / price, 4) end as decimal(38, 4))
        as profit_margin,
    case
        when price is null then 'unknown'
        when price = 0 then 'free'
        when price < 500 then 'budget'
        when price < 2000 then 'standard'
        when price < 10000 then 'premium'
        else 'luxury'
    end as price_category,
    is_active,
    effective_from,
    effective_to,
    is_current,
    false as is_inferred,
    attribute_hash
from versions;

-- Inferred members: products that a line or event names and no product file has delivered yet.
insert into dimensions.dim_product (
    product_key,
    product_id,
    price_category,
    effective_from,
    effective_to,
    is_current,
    is_inferred,
    attribute_hash
)
with missing as (
    select touched_product.product_id
    from touched_product
    left join delivered on touched_product.product_id = delivered.product_id
    where delivered.product_id is null
),

named as (
    select items.product_id
    from history.order_items as items
    inner join missing on items.product_id = missing.product_id
    union
    select events.product_id
    from history.web_events as events
    inner join missing on events.product_id = missing.product_id
)

select
    strtol(left(md5(product_id || '|1900-01-01 00:00:00.000000'), 15), 16) as product_key,
    product_id,
    'unknown' as price_category,
    cast('1900-01-01' as timestamp) as effective_from,
    cast('9999-12-31' as timestamp) as effective_to,
    true as is_current,
    true as is_inferred,
    '' as attribute_hash
from named;

-- From when on the facts of an old version may belong elsewhere: from its end, where that came earlier, or from ever,
-- where the version is gone or costs differ. Most versions stand as they did, and none of their facts is looked at.
create temp table moved_version distkey (product_id) as
select
    old_version.product_id,
    old_version.product_key,
    old_version.cost_text,
    case
        when
            versions.product_key is not null
            and coalesce(cast(versions.cost as varchar(32)), '-') = old_version.cost_text
            then versions.effective_to
        else cast('0001-01-02' as timestamp)
    end as moved_from
from old_version
left join dimensions.dim_product as versions on old_version.product_key = versions.product_key
where
    versions.product_key is null
    or versions.effective_to < old_version.effective_to
    or coalesce(cast(versions.cost as varchar(32)), '-') <> old_version.cost_text;

-- Facts that now belong to another version, or whose cost changed.
insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    sales.order_id as key_value
from moved_version
inner join facts.fact_sales as sales
    on
        moved_version.product_key = sales.product_key
        and sales.order_date >= cast(moved_version.moved_from as date)
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and sales.order_timestamp >= versions.effective_from
        and sales.order_timestamp < versions.effective_to
where
    versions.product_key is null
    or versions.product_key <> moved_version.product_key
    or coalesce(cast(versions.cost as varchar(32)), '-') <> moved_version.cost_text;

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    events.event_id as key_value
from moved_version
inner join facts.fact_web_events as events
    on
        moved_version.product_key = events.product_key
        and events.event_date >= cast(moved_version.moved_from as date)
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and events.event_timestamp >= versions.effective_from
        and events.event_timestamp < versions.effective_to
where versions.product_key is null or versions.product_key <> moved_version.product_key;

-- Stock snapshots point at versions too: each at the one that its day ends with.
insert into history.pending_inventory (product_id, first_date, last_date)
select
    inventory.product_id,
    inventory.snapshot_date as first_date,
    inventory.snapshot_date as last_date
from moved_version
inner join facts.fact_inventory as inventory
    on
        moved_version.product_key = inventory.product_key
        and inventory.snapshot_date >= cast(dateadd(day, -1, moved_version.moved_from) as date)
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and dateadd(day, 1, inventory.snapshot_date) > versions.effective_from
        and dateadd(day, 1, inventory.snapshot_date) <= versions.effective_to
where versions.product_key is null or versions.product_key <> moved_version.product_key;

insert into history.pending_key (entity, key_value)
select
    'agg_product' as entity,
    product_id as key_value
from touched_product;

delete from history.pending_key
where entity = 'product';

update quality.warehouse_state set merge_seq = merge_seq + 1;
