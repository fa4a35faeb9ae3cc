-- The hash covers the attributes that make a version. Stock changes daily and is not one of them. Each attribute is
-- hashed by itself, so that no text can be mistaken for the border between two attributes.
create or replace view history.product_version as
select
    products.delivery_date,
    products.product_id,
    products.product_name,
    products.category_name,
    products.subcategory_name,
    products.brand,
    products.sku,
    products.price,
    products.cost,
    products.is_active,
    products.version_at,
    products.row_hash,
    md5(
        coalesce(md5(products.product_name), '-')
        || coalesce(md5(products.category_name), '-')
        || coalesce(md5(products.subcategory_name), '-')
        || coalesce(md5(products.brand), '-')
        || coalesce(md5(products.sku), '-')
        || coalesce(cast(products.price as varchar(32)), '-') || '|'
        || coalesce(cast(products.cost as varchar(32)), '-') || '|'
        || case when products.is_active then 't' when not products.is_active then 'f' else '-' end
    ) as attribute_hash
from history.products as products;
