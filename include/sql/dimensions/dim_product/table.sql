-- Distributed by natural key, so that as-of joins with history and with the versions themselves stay on their node.
-- The surrogate key is a hash of natural key and effective_from; key -1 is the unknown member.
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
create table if not exists dimensions.dim_product (
    product_key bigint not null,
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    subcategory_name varchar(255),
    brand varchar(255),
    sku varchar(128),
    price decimal(18, 4),
    cost decimal(18, 4),
    profit_margin decimal(38, 4),
    price_category varchar(16) not null,
    is_active boolean,
    effective_from timestamp not null,
    effective_to timestamp not null,
    is_current boolean not null,
    is_inferred boolean not null,
    attribute_hash varchar(32) not null,
    primary key (product_key)
)
distkey (product_id)
sortkey (product_id, effective_from);

insert into dimensions.dim_product (
    product_key,
    product_id,
    product_name,
    price_category,
    effective_from,
    effective_to,
    is_current,
    is_inferred,
    attribute_hash
)
select
    -1 as product_key,
    '(unknown)' as product_id,
    'Unknown product' as product_name,
    'unknown' as price_category,
    {{ beginning_of_time() }} as effective_from,
    {{ end_of_time() }} as effective_to,
    true as is_current,
    false as is_inferred,
    '' as attribute_hash
where not exists (
    select 1 from dimensions.dim_product
    where product_key = -1
);
