-- generated from include/sources; run make generate
-- Puts the new texts of erased_text where the old ones are.
update quality.audit_results set sample = erased_text.new_text
from erased_text
where audit_results.sample = erased_text.old_text and erased_text.is_own = 0;

update quality.check_results set message = erased_text.new_text
from erased_text
where check_results.message = erased_text.old_text and erased_text.is_own = 0;

update staging.stg_check_result set message = erased_text.new_text
from erased_text
where stg_check_result.message = erased_text.old_text and erased_text.is_own = 0;

update history.customers set city = erased_text.new_text
from erased_text
where
    customers.city = erased_text.old_text
    and erased_text.is_own = 1
    and customers.customer_id in (select erased_person.pseudonym from erased_person);

update history.customers set state = erased_text.new_text
from erased_text
where
    customers.state = erased_text.old_text
    and erased_text.is_own = 1
    and customers.customer_id in (select erased_person.pseudonym from erased_person);

update history.customers set country = erased_text.new_text
from erased_text
where
    customers.country = erased_text.old_text
    and erased_text.is_own = 1
    and customers.customer_id in (select erased_person.pseudonym from erased_person);

update history.customers set customer_segment = erased_text.new_text
from erased_text
where
    customers.customer_segment = erased_text.old_text
    and erased_text.is_own = 1
    and customers.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.order_status = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set order_status = erased_text.new_text
from erased_text
where
    orders.order_status = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.payment_method = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set payment_method = erased_text.new_text
from erased_text
where
    orders.payment_method = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.shipping_city = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set shipping_city = erased_text.new_text
from erased_text
where
    orders.shipping_city = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.shipping_state = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set shipping_state = erased_text.new_text
from erased_text
where
    orders.shipping_state = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.shipping_country = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set shipping_country = erased_text.new_text
from erased_text
where
    orders.shipping_country = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    orders.order_id as key_value
from history.orders as orders
inner join erased_person on orders.customer_id = erased_person.pseudonym
inner join erased_text on orders.currency = erased_text.old_text
where erased_text.is_own = 1;

update history.orders set currency = erased_text.new_text
from erased_text
where
    orders.currency = erased_text.old_text
    and erased_text.is_own = 1
    and orders.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.pseudonym
inner join erased_text on web_events.event_type = erased_text.old_text
where erased_text.is_own = 1;

update history.web_events set event_type = erased_text.new_text
from erased_text
where
    web_events.event_type = erased_text.old_text
    and erased_text.is_own = 1
    and web_events.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.pseudonym
inner join erased_text on web_events.page_url = erased_text.old_text
where erased_text.is_own = 1;

update history.web_events set page_url = erased_text.new_text
from erased_text
where
    web_events.page_url = erased_text.old_text
    and erased_text.is_own = 1
    and web_events.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.pseudonym
inner join erased_text on web_events.referrer = erased_text.old_text
where erased_text.is_own = 1;

update history.web_events set referrer = erased_text.new_text
from erased_text
where
    web_events.referrer = erased_text.old_text
    and erased_text.is_own = 1
    and web_events.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.pseudonym
inner join erased_text on web_events.device_type = erased_text.old_text
where erased_text.is_own = 1;

update history.web_events set device_type = erased_text.new_text
from erased_text
where
    web_events.device_type = erased_text.old_text
    and erased_text.is_own = 1
    and web_events.customer_id in (select erased_person.pseudonym from erased_person);

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    web_events.event_id as key_value
from history.web_events as web_events
inner join erased_person on web_events.customer_id = erased_person.pseudonym
inner join erased_text on web_events.browser = erased_text.old_text
where erased_text.is_own = 1;

update history.web_events set browser = erased_text.new_text
from erased_text
where
    web_events.browser = erased_text.old_text
    and erased_text.is_own = 1
    and web_events.customer_id in (select erased_person.pseudonym from erased_person);
