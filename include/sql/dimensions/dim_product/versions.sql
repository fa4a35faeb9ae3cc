{% from "macros/keys.sql" import version_key %}
{% from "macros/quotient.sql" import quotient %}
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
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
                then {{ beginning_of_time() }}
            else valid_from
        end as effective_from,
        coalesce(
            lead(valid_from) over (partition by product_id order by valid_from), {{ end_of_time() }}
        ) as effective_to,
        lead(valid_from) over (partition by product_id order by valid_from) is null as is_current
    from compared
    where previous_hash is null or previous_hash <> attribute_hash
)

select
    {{ version_key("product_id", "effective_from") }} as product_key,
    product_id,
    product_name,
    category_name,
    subcategory_name,
    brand,
    sku,
    price,
    cost,
    case when price > 0 then {{ quotient("100 * (price - cost)", "price", 4) }} end as profit_margin,
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
