-- Adds to each customer what orders, months and products gained or lost; attributes are those of the current version.
{% from "macros/queue.sql" import queued %}
create temp table customer_change distkey (customer_id) as
with months as (
    select
        customer_id,
        sum(orders_change) as total_orders,
        sum(revenue_change) as lifetime_value
    from customer_month_change
    group by customer_id
),

products as (
    select
        customer_id,
        sum(pairs_change) as unique_products
    from product_customer_change
    group by customer_id
),

touched as (
    {{ queued("agg_customer", "customer_id") }}
    union
    select customer_id
    from months
)

select
    touched.customer_id,
    coalesce(months.total_orders, 0) as total_orders,
    coalesce(months.lifetime_value, 0) as lifetime_value,
    coalesce(products.unique_products, 0) as unique_products
from touched
left join months on touched.customer_id = months.customer_id
left join products on touched.customer_id = products.customer_id;

-- Customers who lost an order, or a day on which they had it.
create temp table lost_customer distkey (customer_id) as
select distinct customer_id
from (
    select
        order_id,
        customer_id,
        order_date
    from order_change
    where change = -1
    except
    select
        order_id,
        customer_id,
        order_date
    from order_change
    where change = 1
) as lost
where customer_id is not null;

-- bounds: customers who lost an order
select count(*) as lost_customers
from lost_customer;

create temp table remaining_order distkey (customer_id) as
select
    customer_id,
    order_date as first_order_date,
    order_date as last_order_date
from order_change
where false;

-- if: lost_customers
insert into remaining_order (customer_id, first_order_date, last_order_date)
select
    orders.customer_id,
    min(orders.order_date) as first_order_date,
    max(orders.order_date) as last_order_date
from analytics.agg_order as orders
inner join lost_customer on orders.customer_id = lost_customer.customer_id
group by orders.customer_id;

-- First and last order: of a customer who only gained orders, the least and greatest of published and new dates; of a
-- customer who lost one, those of all remaining orders.
create temp table new_customer distkey (customer_id) as
with gained as (
    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from order_change
    where change = 1
    group by customer_id
)

select
    customer_change.customer_id,
    case
        when lost.customer_id is not null then ordered.first_order_date
        else least(published.first_order_date, gained.first_order_date)
    end as first_order_date,
    case
        when lost.customer_id is not null then ordered.last_order_date
        else greatest(published.last_order_date, gained.last_order_date)
    end as last_order_date,
    customer_change.total_orders + coalesce(published.total_orders, 0) as total_orders,
    customer_change.lifetime_value + coalesce(published.lifetime_value, 0) as lifetime_value,
    customer_change.unique_products + coalesce(published.unique_products, 0) as unique_products
from customer_change
left join analytics.agg_customer as published on customer_change.customer_id = published.customer_id
left join gained on customer_change.customer_id = gained.customer_id
left join lost_customer as lost on customer_change.customer_id = lost.customer_id
left join remaining_order as ordered on customer_change.customer_id = ordered.customer_id;

delete from analytics.agg_customer
using customer_change
where agg_customer.customer_id = customer_change.customer_id;

insert into analytics.agg_customer (
    customer_id,
    full_name,
    customer_segment,
    city,
    state,
    country,
    registration_date,
    first_order_date,
    last_order_date,
    total_orders,
    lifetime_value,
    unique_products
)
select
    customer.customer_id,
    customer.full_name,
    customer.customer_segment,
    customer.city,
    customer.state,
    customer.country,
    customer.registration_date,
    new_customer.first_order_date,
    new_customer.last_order_date,
    new_customer.total_orders,
    new_customer.lifetime_value,
    new_customer.unique_products
from new_customer
inner join dimensions.dim_customer as customer
    on
        new_customer.customer_id = customer.customer_id
        and customer.is_current
        and customer.customer_key <> -1;
