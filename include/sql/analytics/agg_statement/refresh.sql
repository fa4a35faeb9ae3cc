-- Adds to each day and place what its orders gained or lost.
{% from "macros/bounds.sql" import within %}
{% from "macros/statement.sql" import AMOUNTS, COSTS %}
{% set SUMS = ("units_sold", "total_revenue", "unsettled_orders", "costed_lines") + AMOUNTS + COSTS %}
-- if: changed_orders
create temp table new_statement distkey (geography_key) as
select
    changes.order_date,
    changes.geography_key,
    {% for amount in SUMS %}
        sum(changes.{{ amount }}) as {{ amount }},
    {% endfor %}
    sum(changes.orders) as orders
from (
    select
        order_date,
        geography_key,
        change as orders,
        units as units_sold,
        revenue as total_revenue,
        unsettled_orders,
        {% for amount in AMOUNTS + COSTS %}
            {{ amount }},
        {% endfor %}
        costed_lines
    from order_change
    union all
    select
        days.order_date,
        days.geography_key,
        days.orders,
        days.units_sold,
        days.total_revenue,
        days.unsettled_orders,
        {% for amount in AMOUNTS + COSTS %}
            days.{{ amount }},
        {% endfor %}
        days.costed_lines
    from analytics.agg_statement as days
    inner join (
        select distinct
            order_change.order_date,
            order_change.geography_key
        from order_change
    ) as touched
        on days.order_date = touched.order_date and days.geography_key = touched.geography_key
    where {{ within("days.order_date", "order") }}
) as changes
group by changes.order_date, changes.geography_key;

-- if: changed_orders
delete from analytics.agg_statement
using new_statement
where
    agg_statement.order_date = new_statement.order_date
    and agg_statement.geography_key = new_statement.geography_key
    and {{ within("agg_statement.order_date", "order") }};

-- if: changed_orders
insert into analytics.agg_statement (
    order_date,
    geography_key,
    country,
    state,
    city,
    {% for amount in SUMS %}
        {{ amount }},
    {% endfor %}
    orders
)
select
    new_statement.order_date,
    new_statement.geography_key,
    place.country,
    place.state,
    place.city,
    {% for amount in SUMS %}
        new_statement.{{ amount }},
    {% endfor %}
    new_statement.orders
from new_statement
inner join dimensions.dim_geography as place on new_statement.geography_key = place.geography_key
where new_statement.orders <> 0;
