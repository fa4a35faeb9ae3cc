-- Most rows of a full snapshot repeat what the dimension holds for their instant, and change no version. Queued are
-- keys with a version that is new, differs, or is no longer in the slice.
{% from "macros/versions.sql" import valid_at %}
create temp table new_customer distkey (customer_id) as
select
    customer_id,
    version_at,
    row_hash
from history.customers
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    customers.customer_id as key_value
from new_customer as customers
left join dimensions.dim_customer as versions
    on
        customers.customer_id = versions.customer_id
        and {{ valid_at("versions", "customers.version_at") }}
where versions.customer_key is null or versions.attribute_hash <> customers.row_hash
union
select
    'customer' as entity,
    old_customer.customer_id as key_value
from old_customer
left join new_customer as customers
    on
        old_customer.customer_id = customers.customer_id
        and old_customer.version_at = customers.version_at
        and old_customer.row_hash = customers.row_hash
where customers.customer_id is null;

create temp table new_product distkey (product_id) as
select
    product_id,
    version_at,
    row_hash,
    attribute_hash
from history.product_version
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into history.pending_key (entity, key_value)
select
    'product' as entity,
    products.product_id as key_value
from new_product as products
left join dimensions.dim_product as versions
    on
        products.product_id = versions.product_id
        and {{ valid_at("versions", "products.version_at") }}
where versions.product_key is null or versions.attribute_hash <> products.attribute_hash
union
select
    'product' as entity,
    old_product.product_id as key_value
from old_product
left join new_product as products
    on
        old_product.product_id = products.product_id
        and old_product.version_at = products.version_at
        and old_product.row_hash = products.row_hash
where products.product_id is null;
