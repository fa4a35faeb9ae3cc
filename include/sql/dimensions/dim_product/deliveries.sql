-- The version keys that facts may hold before the rebuild, to find the facts that it moves to another version. A
-- late-arriving product leaves facts with the key of the first version. Costs are compared as text, because no number
-- can represent an unknown cost.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/queue.sql" import queued %}
{% from "macros/time.sql" import beginning_of_time, end_of_time, within_time %}
{% from "macros/versions.sql" import newest_rank %}
create temp table old_version distkey (product_id) as
select
    touched_product.product_id,
    coalesce(
        versions.product_key,
        {{ first_version_key("touched_product.product_id") }}
    ) as product_key,
    coalesce(versions.effective_from, {{ beginning_of_time() }}) as effective_from,
    coalesce(versions.effective_to, {{ end_of_time() }}) as effective_to,
    coalesce(cast(versions.cost as varchar(32)), '-') as cost_text
from touched_product
left join dimensions.dim_product as versions
    on touched_product.product_id = versions.product_id and versions.product_key <> -1;

-- Of two deliveries of one version (same product, same instant) the later delivery is current (macro newest_rank).
-- Instants outside time count as the nearest one inside, so that a wrong date in a file does not break the intervals.
-- bounds: days in which the touched products were delivered
select {{ span("products.delivery_date", "delivery") }}
from history.products as products
where products.product_id in (
    {{ queued("product") }}
);

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
        {{ newest_rank("bounded.product_id, bounded.valid_from", "bounded") }} as delivery_rank
    from (
        select
            products.*,
            {{ within_time("products.version_at") }} as valid_from
        from history.product_version as products
        where
            {{ within("products.delivery_date", "delivery") }}
            and products.product_id in (
                {{ queued("product") }}
            )
    ) as bounded
) as numbered
where numbered.delivery_rank = 1;
