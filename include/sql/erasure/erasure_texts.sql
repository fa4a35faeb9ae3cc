-- generated from include/sources; run make generate
-- What the pipeline wrote in prose about rows, and free text in rows of erased_person (is_own).
-- The operator reads whom it speaks of.
select
    sample as prose,
    0 as is_own
from quality.audit_results
where sample is not null
union
select
    message as prose,
    0 as is_own
from quality.check_results
where message is not null
union
select
    message as prose,
    0 as is_own
from staging.stg_check_result
where message is not null
union
select
    city as prose,
    1 as is_own
from history.customers
where
    city is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    state as prose,
    1 as is_own
from history.customers
where
    state is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    country as prose,
    1 as is_own
from history.customers
where
    country is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    customer_segment as prose,
    1 as is_own
from history.customers
where
    customer_segment is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    order_status as prose,
    1 as is_own
from history.orders
where
    order_status is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    payment_method as prose,
    1 as is_own
from history.orders
where
    payment_method is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    shipping_city as prose,
    1 as is_own
from history.orders
where
    shipping_city is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    shipping_state as prose,
    1 as is_own
from history.orders
where
    shipping_state is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    shipping_country as prose,
    1 as is_own
from history.orders
where
    shipping_country is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    currency as prose,
    1 as is_own
from history.orders
where
    currency is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    event_type as prose,
    1 as is_own
from history.web_events
where
    event_type is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    page_url as prose,
    1 as is_own
from history.web_events
where
    page_url is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    referrer as prose,
    1 as is_own
from history.web_events
where
    referrer is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    device_type as prose,
    1 as is_own
from history.web_events
where
    device_type is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    )
union
select
    browser as prose,
    1 as is_own
from history.web_events
where
    browser is not null
    and customer_id in (
        select customer_id from erased_person
        union all
        select pseudonym from erased_person
    );
