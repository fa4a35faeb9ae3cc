-- Inferred members: customers that an order or event names and no customer file has delivered yet.
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
create temp table missing distkey (customer_id) as
select touched_customer.customer_id
from touched_customer
left join delivered on touched_customer.customer_id = delivered.customer_id
where delivered.customer_id is null;

-- bounds: customers without a delivery
select count(*) as missing_members
from missing;

-- if: missing_members
insert into dimensions.dim_customer (
    customer_key, customer_id, effective_from, effective_to, is_current, is_inferred, attribute_hash
)
with named as (
    select orders.customer_id
    from history.orders as orders
    inner join missing on orders.customer_id = missing.customer_id
    union
    select events.customer_id
    from history.web_events as events
    inner join missing on events.customer_id = missing.customer_id
)

select
    {{ first_version_key("customer_id") }} as customer_key,
    customer_id,
    {{ beginning_of_time() }} as effective_from,
    {{ end_of_time() }} as effective_to,
    true as is_current,
    true as is_inferred,
    '' as attribute_hash
from named;
