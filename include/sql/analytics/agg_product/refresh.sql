-- Adds to each product what its lines and buyers gained or lost; attributes are those of the current version.
{% from "macros/queue.sql" import queued %}
create temp table product_change distkey (product_id) as
with lines as (
    select
        product_id,
        sum(change * cast(quantity as bigint)) as units_sold,
        sum(change * line_total) as total_revenue,
        sum(case when gross_profit is not null then change else 0 end) as costed_lines,
        sum(case when gross_profit is not null then change * line_total else 0 end) as costed_revenue,
        sum(change * coalesce(gross_profit, 0)) as gross_profit,
        sum(case when quantity > 0 then change * cast(quantity as bigint) else 0 end) as units_gross,
        sum(case when quantity < 0 then -change * cast(quantity as bigint) else 0 end) as units_returned
    from line_change
    group by product_id
),

buyers as (
    select
        product_id,
        sum(orders_change) as orders,
        sum(case when customer_id is not null then pairs_change else 0 end) as customers
    from product_customer_change
    group by product_id
),

touched as (
    {{ queued("agg_product", "product_id") }}
    union
    select product_id
    from lines
)

select
    touched.product_id,
    coalesce(lines.units_sold, 0) as units_sold,
    coalesce(lines.total_revenue, 0) as total_revenue,
    coalesce(lines.costed_lines, 0) as costed_lines,
    coalesce(lines.costed_revenue, 0) as costed_revenue,
    coalesce(lines.gross_profit, 0) as gross_profit,
    coalesce(buyers.orders, 0) as orders,
    coalesce(buyers.customers, 0) as customers,
    coalesce(lines.units_gross, 0) as units_gross,
    coalesce(lines.units_returned, 0) as units_returned
from touched
left join lines on touched.product_id = lines.product_id
left join buyers on touched.product_id = buyers.product_id;

create temp table new_product distkey (product_id) as
select
    product_change.product_id,
    product_change.units_sold + coalesce(published.units_sold, 0) as units_sold,
    product_change.total_revenue + coalesce(published.total_revenue, 0) as total_revenue,
    product_change.costed_lines + coalesce(published.costed_lines, 0) as costed_lines,
    product_change.costed_revenue + coalesce(published.costed_revenue, 0) as costed_revenue,
    product_change.gross_profit + coalesce(published.gross_profit, 0) as gross_profit,
    product_change.orders + coalesce(published.orders, 0) as orders,
    product_change.customers + coalesce(published.customers, 0) as customers,
    product_change.units_gross + coalesce(published.units_gross, 0) as units_gross,
    product_change.units_returned + coalesce(published.units_returned, 0) as units_returned
from product_change
left join analytics.agg_product as published on product_change.product_id = published.product_id;

delete from analytics.agg_product
using product_change
where agg_product.product_id = product_change.product_id;

insert into analytics.agg_product (
    product_id,
    product_name,
    category_name,
    brand,
    price,
    cost,
    units_sold,
    total_revenue,
    costed_lines,
    costed_revenue,
    gross_profit,
    orders,
    customers,
    units_gross,
    units_returned
)
select
    product.product_id,
    product.product_name,
    product.category_name,
    product.brand,
    product.price,
    product.cost,
    new_product.units_sold,
    new_product.total_revenue,
    new_product.costed_lines,
    new_product.costed_revenue,
    new_product.gross_profit,
    new_product.orders,
    new_product.customers,
    new_product.units_gross,
    new_product.units_returned
from new_product
inner join dimensions.dim_product as product
    on
        new_product.product_id = product.product_id
        and product.is_current
        and product.product_key <> -1;
