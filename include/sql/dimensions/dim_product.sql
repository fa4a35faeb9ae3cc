-- Rebuilds the pending products of dim_product (SCD type 2) from history.
-- Grain: one version of a product. Key: product_key = hash(product_id, effective_from).
-- Stock changes daily and is no attribute of a version: fact_inventory keeps it.
lock table history.pending_key;

create temp table touched_product distkey (product_id) as
select distinct key_value as product_id
from history.pending_key
where entity = 'product';

create temp table old_version distkey (product_id) as
select
    dim_product.product_key,
    dim_product.product_id,
    dim_product.cost
from dimensions.dim_product
inner join touched_product on dim_product.product_id = touched_product.product_id;

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
    numbered.version_at,
    md5(
        coalesce('=' || numbered.product_name, '-') || '|'
        || coalesce('=' || numbered.category_name, '-') || '|'
        || coalesce('=' || numbered.subcategory_name, '-') || '|'
        || coalesce('=' || numbered.brand, '-') || '|'
        || coalesce('=' || numbered.sku, '-') || '|'
        || coalesce('=' || cast(numbered.price as varchar(32)), '-') || '|'
        || coalesce('=' || cast(numbered.cost as varchar(32)), '-') || '|'
        || case when numbered.is_active then 't' when not numbered.is_active then 'f' else '-' end
    ) as attribute_hash
from (
    select
        products.*,
        row_number() over (
            partition by products.product_id, products.version_at order by products.row_hash desc
        ) as delivery_rank
    from history.products as products
    inner join touched_product on products.product_id = touched_product.product_id
) as numbered
where numbered.delivery_rank = 1;

delete from dimensions.dim_product
using touched_product
where dim_product.product_id = touched_product.product_id;

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
        lag(attribute_hash) over (partition by product_id order by version_at) as previous_hash
    from delivered
),

versions as (
    select
        compared.*,
        case
            when row_number() over (partition by product_id order by version_at) = 1
                then cast('1900-01-01' as timestamp)
            else version_at
        end as effective_from,
        coalesce(
            lead(version_at) over (partition by product_id order by version_at), cast('9999-12-31' as timestamp)
        ) as effective_to,
        lead(version_at) over (partition by product_id order by version_at) is null as is_current
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
    cast(case when price > 0 then round(100 * (price - cost) / price, 4) end as decimal(18, 4))
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
select
    strtol(left(md5(missing.product_id || '|1900-01-01 00:00:00.000000'), 15), 16) as product_key,
    missing.product_id,
    'unknown' as price_category,
    cast('1900-01-01' as timestamp) as effective_from,
    cast('9999-12-31' as timestamp) as effective_to,
    true as is_current,
    true as is_inferred,
    '' as attribute_hash
from (
    select touched_product.product_id
    from touched_product
    left join delivered on touched_product.product_id = delivered.product_id
    where delivered.product_id is null
) as missing
where
    exists (
        select 1 from history.order_items
        where order_items.product_id = missing.product_id
    )
    or exists (
        select 1 from history.web_events
        where web_events.product_id = missing.product_id
    );

-- Facts that now belong to another version, or whose cost changed.
insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    sales.order_id as key_value
from old_version
inner join facts.fact_sales as sales on old_version.product_key = sales.product_key
left join dimensions.dim_product as versions
    on
        old_version.product_id = versions.product_id
        and sales.order_timestamp >= versions.effective_from
        and sales.order_timestamp < versions.effective_to
where
    versions.product_key is null
    or versions.product_key <> old_version.product_key
    or coalesce(versions.cost, -1) <> coalesce(old_version.cost, -1);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    events.event_id as key_value
from old_version
inner join facts.fact_web_events as events on old_version.product_key = events.product_key
left join dimensions.dim_product as versions
    on
        old_version.product_id = versions.product_id
        and events.event_timestamp >= versions.effective_from
        and events.event_timestamp < versions.effective_to
where versions.product_key is null or versions.product_key <> old_version.product_key;

-- Stock snapshots point at versions too; a rebuilt product checks all of its snapshots.
insert into history.pending_inventory (product_id, first_date, last_date)
select
    inventory.product_id,
    min(inventory.snapshot_date) as first_date,
    max(inventory.snapshot_date) as last_date
from old_version
inner join facts.fact_inventory as inventory on old_version.product_key = inventory.product_key
left join dimensions.dim_product as versions
    on
        old_version.product_id = versions.product_id
        and dateadd(day, 1, inventory.snapshot_date) > versions.effective_from
        and dateadd(day, 1, inventory.snapshot_date) <= versions.effective_to
where versions.product_key is null or versions.product_key <> old_version.product_key
group by inventory.product_id;

insert into history.pending_key (entity, key_value)
select
    'agg_product' as entity,
    product_id as key_value
from touched_product;

delete from history.pending_key
where entity = 'product';

update quality.warehouse_state set merge_seq = merge_seq + 1;
