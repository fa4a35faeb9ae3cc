-- Scores rank the customers among each other. Ranks are taken over an aggregate, whose size is that of the customers,
-- not of the history.
create or replace view analytics.customer_360 as
with scored as (
    select
        customers.customer_id,
        customers.full_name,
        customers.customer_segment,
        customers.city,
        customers.state,
        customers.country,
        customers.registration_date,
        customers.first_order_date,
        customers.last_order_date,
        customers.total_orders,
        customers.lifetime_value,
        customers.unique_products,
        published.published_day,
        datediff(day, customers.last_order_date, published.published_day) as recency_days,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.last_order_date asc, customers.customer_id asc
                    )
        end as recency_score,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.total_orders asc, customers.customer_id asc
                    )
        end as frequency_score,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.lifetime_value asc, customers.customer_id asc
                    )
        end as monetary_score
    from analytics.agg_customer as customers
    cross join analytics.published as published
)

select
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
    cast(case when total_orders > 0 then round(lifetime_value / total_orders, 2) end as decimal(38, 2))
        as average_order_value,
    unique_products,
    recency_days,
    total_orders as frequency,
    lifetime_value as monetary,
    recency_score,
    frequency_score,
    monetary_score,
    cast(recency_score as varchar(1))
    || cast(frequency_score as varchar(1))
    || cast(monetary_score as varchar(1))
        as rfm_score,
    case
        when total_orders = 0 then 'never_ordered'
        when recency_days <= 30 then 'active'
        when recency_days <= 90 then 'at_risk'
        else 'churned'
    end as customer_status
from scored;
