-- Scores rank the customers among each other; the refresh has taken the ranks (score_bound).
{% from "macros/quotient.sql" import quotient %}
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
        {% for measure, column in (
            ("recency", "last_order_date"), ("frequency", "total_orders"), ("monetary", "lifetime_value")
        ) %}
        case
            when customers.total_orders > 0
                then
                    1
                    {% for score in (2, 3, 4, 5) %}
                        + case when customers.{{ column }} >= bounds.{{ measure }}_{{ score }} then 1 else 0 end
                    {% endfor %}
        end as {{ measure }}_score{{ "," if not loop.last }}
    {% endfor %}
    from analytics.agg_customer as customers
    cross join analytics.published as published
    cross join analytics.score_bound as bounds
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
    {{ quotient("lifetime_value", "total_orders") }} as average_order_value,
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
