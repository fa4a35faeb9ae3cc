-- A rebuild that was queued (maintenance/rebuild_*.sql) counts all aggregates from nothing.
{% from "macros/queue.sql" import queued %}
-- bounds: whether a rebuild was queued
select count(*) as rebuilds
from (
    {{ queued("agg_all") }}
) as asked;

{% for aggregate in (
    "order", "day", "month", "customer", "customer_month", "product", "product_customer", "geography",
    "geography_customer", "funnel_day", "statement",
) %}
    -- if: rebuilds
    delete from analytics.agg_{{ aggregate }};

{% endfor %}
