-- A value's score is 1 and a fifth of the buyers below it each 1 more: equal values have equal scores. Ranks are taken
-- over distinct values, and once a publish.
delete from analytics.score_bound;

insert into analytics.score_bound (
    recency_2, recency_3, recency_4, recency_5,
    frequency_2, frequency_3, frequency_4, frequency_5,
    monetary_2, monetary_3, monetary_4, monetary_5
)
with buyers as (
    select
        last_order_date,
        total_orders,
        lifetime_value
    from analytics.agg_customer
    where total_orders > 0
),

{% for measure, column in (
    ("recency", "last_order_date"), ("frequency", "total_orders"), ("monetary", "lifetime_value")
) %}
    {{ measure }}_counts as (
        select
            {{ column }} as measured,
            count(*) as customers
        from buyers
        group by {{ column }}
    ),

    {{ measure }}_ranks as (
        select
            measured,
            sum(customers) over () as everyone,
            coalesce(
                sum(customers) over (order by measured rows between unbounded preceding and 1 preceding), 0
            ) as customers_below
        from {{ measure }}_counts
    ),

    {{ measure }} as (
        select
        {% for score in (2, 3, 4, 5) %}
                min(case when 5 * customers_below >= {{ score - 1 }} * everyone then measured end)
                    as {{ measure }}_{{ score }}{{ "," if not loop.last }}
        {% endfor %}
        from {{ measure }}_ranks
    ){{ "," if not loop.last }}

{% endfor %}
select
    recency.recency_2,
    recency.recency_3,
    recency.recency_4,
    recency.recency_5,
    frequency.frequency_2,
    frequency.frequency_3,
    frequency.frequency_4,
    frequency.frequency_5,
    monetary.monetary_2,
    monetary.monetary_3,
    monetary.monetary_4,
    monetary.monetary_5
from recency
cross join frequency
cross join monetary;
