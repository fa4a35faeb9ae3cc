-- audit: each event of the run's days is in fact_web_events exactly once and points at the versions valid at its instant
-- severity: fail
-- reads: facts/fact_web_events/audited.sql
{% from "macros/bounds.sql" import within %}
{% from "macros/distrust.sql" import undeclared_number, undeclared_text %}
{% from "macros/time.sql" import business_day %}
{% from "macros/versions.sql" import nearest_at %}
with run_event as (
    select distinct event_id
    from history.web_events
    where
        delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
        and {{ within(business_day(load, "event_timestamp"), "event") }}
),

loaded as (
    select
        run_event.event_id,
        count(events.event_id) as fact_rows,
        count(customer.customer_key) as customer_rows,
        count(product.product_key) as product_rows
    from run_event
    left join facts.fact_web_events as events
        on
            {{ undeclared_text("run_event.event_id") }} = {{ undeclared_text("events.event_id") }}
            and {{ within("events.event_date", "event") }}
    left join dimensions.dim_customer as customer
        on
            {{ undeclared_number("events.customer_key") }} = {{ undeclared_number("customer.customer_key") }}
            and coalesce(events.customer_id, '(unknown)') = customer.customer_id
            and {{ nearest_at("customer", "events.event_timestamp") }}
    left join dimensions.dim_product as product
        on
            {{ undeclared_number("events.product_key") }} = {{ undeclared_number("product.product_key") }}
            and coalesce(events.product_id, '(unknown)') = product.product_id
            and {{ nearest_at("product", "events.event_timestamp") }}
    group by run_event.event_id
)

select
    event_id,
    fact_rows,
    customer_rows,
    product_rows
from loaded
where fact_rows <> 1 or customer_rows <> 1 or product_rows <> 1
