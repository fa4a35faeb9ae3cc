-- audit: over the whole warehouse every declared key is unique and every foreign key finds its row
-- severity: fail
{% from "macros/distrust.sql" import undeclared_number, undeclared_text %}
select
    'dim_customer.customer_key' as broken_key,
    cast({{ undeclared_number("customer_key") }} as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_customer
group by {{ undeclared_number("customer_key") }}
having count(*) > 1
union all
select
    'dim_product.product_key' as broken_key,
    cast({{ undeclared_number("product_key") }} as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_product
group by {{ undeclared_number("product_key") }}
having count(*) > 1
union all
select
    'dim_geography.geography_key' as broken_key,
    cast({{ undeclared_number("geography_key") }} as varchar(64)) as key_value,
    count(*) as copies
from dimensions.dim_geography
group by {{ undeclared_number("geography_key") }}
having count(*) > 1
union all
select
    'fact_sales.order_item_id' as broken_key,
    {{ undeclared_text("order_item_id") }} as key_value,
    count(*) as copies
from facts.fact_sales
group by {{ undeclared_text("order_item_id") }}
having count(*) > 1
union all
select
    'fact_web_events.event_id' as broken_key,
    {{ undeclared_text("event_id") }} as key_value,
    count(*) as copies
from facts.fact_web_events
group by {{ undeclared_text("event_id") }}
having count(*) > 1
union all
select
    'fact_sales.customer_key' as broken_key,
    cast(sales.customer_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_customer as customer
    on {{ undeclared_number("sales.customer_key") }} = {{ undeclared_number("customer.customer_key") }}
where customer.customer_key is null
group by sales.customer_key
union all
select
    'fact_sales.product_key' as broken_key,
    cast(sales.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_product as product
    on {{ undeclared_number("sales.product_key") }} = {{ undeclared_number("product.product_key") }}
where product.product_key is null
group by sales.product_key
union all
select
    'fact_sales.geography_key' as broken_key,
    cast(sales.geography_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_sales as sales
left join dimensions.dim_geography as place
    on {{ undeclared_number("sales.geography_key") }} = {{ undeclared_number("place.geography_key") }}
where place.geography_key is null
group by sales.geography_key
union all
select
    'dim_geography without sales' as broken_key,
    cast(place.geography_key as varchar(64)) as key_value,
    1 as copies
from dimensions.dim_geography as place
left join facts.fact_sales as sales
    on {{ undeclared_number("place.geography_key") }} = {{ undeclared_number("sales.geography_key") }}
where sales.geography_key is null
union all
select
    'fact_web_events.customer_key' as broken_key,
    cast(events.customer_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_web_events as events
left join dimensions.dim_customer as customer
    on {{ undeclared_number("events.customer_key") }} = {{ undeclared_number("customer.customer_key") }}
where customer.customer_key is null
group by events.customer_key
union all
select
    'fact_web_events.product_key' as broken_key,
    cast(events.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_web_events as events
left join dimensions.dim_product as product
    on {{ undeclared_number("events.product_key") }} = {{ undeclared_number("product.product_key") }}
where product.product_key is null
group by events.product_key
union all
select
    'fact_inventory.product_key' as broken_key,
    cast(inventory.product_key as varchar(64)) as key_value,
    count(*) as copies
from facts.fact_inventory as inventory
left join dimensions.dim_product as product
    on {{ undeclared_number("inventory.product_key") }} = {{ undeclared_number("product.product_key") }}
where product.product_key is null
group by inventory.product_key
