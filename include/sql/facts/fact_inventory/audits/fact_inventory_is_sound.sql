-- audit: each product delivered with stock in the run's days has one snapshot per day, of the version valid that day
-- severity: fail
{% from "macros/distrust.sql" import undeclared_number, undeclared_text %}
{% from "macros/versions.sql" import newest_rank, valid_at_end_of %}
with delivered as (
    select
        numbered.product_id,
        numbered.delivery_date,
        numbered.stock_quantity
    from (
        select
            product_id,
            delivery_date,
            stock_quantity,
            {{ newest_rank("product_id, delivery_date") }} as version_rank
        from history.products
        where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    ) as numbered
    where numbered.version_rank = 1 and numbered.stock_quantity is not null
),

loaded as (
    select
        {{ undeclared_text("inventory.product_id") }} as product_id,
        inventory.snapshot_date,
        count(*) as fact_rows,
        min(inventory.stock_quantity) as stock_quantity,
        count(product.product_key) as product_rows
    from facts.fact_inventory as inventory
    left join dimensions.dim_product as product
        on
            {{ undeclared_number("inventory.product_key") }} = {{ undeclared_number("product.product_key") }}
            and inventory.product_id = product.product_id
            and {{ valid_at_end_of("product", "inventory.snapshot_date") }}
    where inventory.snapshot_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by {{ undeclared_text("inventory.product_id") }}, inventory.snapshot_date
)

select
    coalesce(delivered.product_id, loaded.product_id) as product_id,
    coalesce(delivered.delivery_date, loaded.snapshot_date) as snapshot_date,
    delivered.stock_quantity as delivered_stock,
    loaded.stock_quantity as fact_stock,
    loaded.fact_rows,
    loaded.product_rows
from delivered
full outer join loaded
    on delivered.product_id = loaded.product_id and delivered.delivery_date = loaded.snapshot_date
where
    delivered.product_id is null
    or loaded.product_id is null
    or delivered.stock_quantity <> loaded.stock_quantity
    or loaded.fact_rows <> 1
    or loaded.product_rows <> 1
