-- The number of orders of each customer with the product; an order counts once, whatever the number of its lines. The
-- change keeps unknown customers, because agg_product counts their orders too; it is spread by product, because all
-- of them would lie on one slice otherwise.
create temp table product_customer_change distkey (product_id) as
select
    changes.product_id,
    changes.customer_id,
    changes.orders_change,
    coalesce(published.orders, 0) as old_orders,
    case when coalesce(published.orders, 0) + changes.orders_change > 0 then 1 else 0 end
    - case when published.orders > 0 then 1 else 0 end as pairs_change
from (
    select
        product_id,
        customer_id,
        count(distinct case when change = 1 then order_id end)
        - count(distinct case when change = -1 then order_id end) as orders_change
    from line_change
    group by product_id, customer_id
) as changes
left join analytics.agg_product_customer as published
    on changes.product_id = published.product_id and changes.customer_id = published.customer_id
where changes.orders_change <> 0;

-- if: changed_orders
delete from analytics.agg_product_customer
using product_customer_change
where
    agg_product_customer.product_id = product_customer_change.product_id
    and agg_product_customer.customer_id = product_customer_change.customer_id
    and product_customer_change.old_orders <> 0;

-- if: changed_orders
insert into analytics.agg_product_customer (product_id, customer_id, orders)
select
    product_id,
    customer_id,
    old_orders + orders_change as orders
from product_customer_change
where customer_id is not null and old_orders + orders_change <> 0;
