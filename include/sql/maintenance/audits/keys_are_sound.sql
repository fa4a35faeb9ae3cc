-- audit: over the whole warehouse every declared key is unique and every foreign key finds its row
-- severity: fail
select
    'dim_customer.customer_key' as broken_key,
    cast(customer_key as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_customer
group by customer_key
having count(*) > 1
union all
select
    'dim_product.product_key' as broken_key,
    cast(product_key as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_product
group by product_key
having count(*) > 1
union all
select
    'dim_geography.geography_key' as broken_key,
    cast(geography_key as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_geography
group by geography_key
having count(*) > 1
union all
select
    'fact_sales.order_item_id' as broken_key,
    order_item_id as key_value,
    count(*) as copies
from facts.fact_sales
group by order_item_id
having count(*) > 1
union all
select
    'fact_web_events.event_id' as broken_key,
    event_id as key_value,
    count(*) as copies
from facts.fact_web_events
group by event_id
having count(*) > 1
union all
select
    'fact_sales.customer_key' as broken_key,
    cast(sales.customer_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_customer as customer on sales.customer_key = customer.customer_key
where customer.customer_key is null
group by sales.customer_key
union all
select
    'fact_sales.product_key' as broken_key,
    cast(sales.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_product as product on sales.product_key = product.product_key
where product.product_key is null
group by sales.product_key
union all
select
    'fact_sales.geography_key' as broken_key,
    cast(sales.geography_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_geography as place on sales.geography_key = place.geography_key
where place.geography_key is null
group by sales.geography_key
union all
select
    'dim_geography without sales' as broken_key,
    cast(place.geography_key as varchar(64)) as key_value,
    1 as copies
from dimensions.dim_geography as place
left join facts.fact_sales as sales on place.geography_key = sales.geography_key
where sales.geography_key is null
union all
select
    'fact_web_events.customer_key' as broken_key,
    cast(events.customer_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_web_events as events
left join dimensions.dim_customer as customer on events.customer_key = customer.customer_key
where customer.customer_key is null
group by events.customer_key
union all
select
    'fact_web_events.product_key' as broken_key,
    cast(events.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_web_events as events
left join dimensions.dim_product as product on events.product_key = product.product_key
where product.product_key is null
group by events.product_key
union all
select
    'fact_inventory.product_key' as broken_key,
    cast(inventory.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_inventory as inventory
left join dimensions.dim_product as product on inventory.product_key = product.product_key
where product.product_key is null
group by inventory.product_key
