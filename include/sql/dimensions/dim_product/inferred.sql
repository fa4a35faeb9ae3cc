-- Inferred members: products that a line or event names and no product file has delivered yet.
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
create temp table missing distkey (product_id) as
select touched_product.product_id
from touched_product
left join delivered on touched_product.product_id = delivered.product_id
where delivered.product_id is null;

-- bounds: products without a delivery
select count(*) as missing_members
from missing;

-- if: missing_members
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
with named as (
    select items.product_id
    from history.order_items as items
    inner join missing on items.product_id = missing.product_id
    union
    select events.product_id
    from history.web_events as events
    inner join missing on events.product_id = missing.product_id
)

select
    {{ first_version_key("product_id") }} as product_key,
    product_id,
    'unknown' as price_category,
    {{ beginning_of_time() }} as effective_from,
    {{ end_of_time() }} as effective_to,
    true as is_current,
    true as is_inferred,
    '' as attribute_hash
from named;
