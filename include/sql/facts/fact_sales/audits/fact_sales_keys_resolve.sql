-- audit: every touched line points at the customer and product version valid at its order date, and at a place
-- severity: fail
-- reads: facts/fact_sales/audited.sql
{% from "macros/distrust.sql" import undeclared_number %}
{% from "macros/versions.sql" import nearest_at %}
select
    sales.order_item_id,
    sales.order_id,
    sales.order_timestamp,
    sales.customer_key,
    sales.product_key,
    sales.geography_key
from audited_sale as sales
left join dimensions.dim_customer as customer
    on
        {{ undeclared_number("sales.customer_key") }} = {{ undeclared_number("customer.customer_key") }}
        and coalesce(sales.customer_id, '(unknown)') = customer.customer_id
        and {{ nearest_at("customer", "sales.order_timestamp") }}
left join dimensions.dim_product as product
    on
        {{ undeclared_number("sales.product_key") }} = {{ undeclared_number("product.product_key") }}
        and coalesce(sales.product_id, '(unknown)') = product.product_id
        and {{ nearest_at("product", "sales.order_timestamp") }}
left join
    dimensions.dim_geography as place
    on {{ undeclared_number("sales.geography_key") }} = {{ undeclared_number("place.geography_key") }}
where
    customer.customer_key is null
    or product.product_key is null
    or place.geography_key is null
