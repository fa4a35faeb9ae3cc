-- generated from include/sources; run make generate
-- Takes the person of erased_person out of the warehouse: key to pseudonym, personal columns to null. What
-- depends on them is queued; the steps of the daily run recompute it.
{% from "macros/queue.sql" import count_merge %}
lock table history.pending_key;

insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    customer_id as key_value
from erased_person
union
select
    'customer' as entity,
    pseudonym as key_value
from erased_person;

update history.customers set
    customer_id = erased_person.pseudonym,
    first_name = null,
    last_name = null,
    email = null,
    phone = null,
    date_of_birth = null,
    gender = null,
    address = null,
    postal_code = null
from erased_person
where customers.customer_id = erased_person.customer_id;

delete from staging.stg_customers
using erased_person
where stg_customers.customer_id = erased_person.customer_id;

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.customer_id;

update history.orders set
    customer_id = erased_person.pseudonym,
    shipping_postal_code = null
from erased_person
where orders.customer_id = erased_person.customer_id;

delete from staging.stg_orders
using erased_person
where stg_orders.customer_id = erased_person.customer_id;

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.customer_id;

update history.web_events set
    customer_id = erased_person.pseudonym,
    user_agent = null
from erased_person
where web_events.customer_id = erased_person.customer_id;

delete from staging.stg_web_events
using erased_person
where stg_web_events.customer_id = erased_person.customer_id;

{{ count_merge() }};
