-- A rebuild that was queued (maintenance/rebuild_*.sql) counts all aggregates from nothing. Steps that read many rows of
-- an aggregate ask for it again: without that they would read what this transaction deleted.
{% from "macros/queue.sql" import rebuild_is_queued %}
{% for aggregate in (
    "order", "day", "month", "customer", "customer_month", "product", "product_customer", "geography",
    "geography_customer", "funnel_day",
) %}
    delete from analytics.agg_{{ aggregate }}
    where
        {{ rebuild_is_queued() }};
{% endfor %}
