-- Rebuilds the pending events of fact_web_events from history and the dimensions.
-- Grain: one event. Key: event_id; the newest delivery is the current one. Dimension keys are resolved as of
-- the event; sessions that the site did not send are cut from a visitor's events.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/queue.sql" import count_merge, dequeue, queued, work %}
{% from "macros/time.sql" import business_day, within_time %}
{% from "macros/versions.sql" import newest_rank, valid_at %}
lock table history.pending_key;

-- needed: events wait to be merged
{{ work("web_event") }};

-- bounds: days in which the touched events were delivered and lie in the fact
select
    deliveries.first_delivery,
    deliveries.last_delivery,
    events.first_event,
    events.last_event
from (
    select {{ span("web_events.delivery_date", "delivery") }}
    from history.web_events as web_events
    where web_events.event_id in (
        {{ queued("web_event") }}
    )
) as deliveries
cross join (
    select {{ span("events.event_date", "event") }}
    from facts.fact_web_events as events
    where events.event_id in (
        {{ queued("web_event") }}
    )
) as events;

create temp table old_event distkey (event_id) as
select
    events.event_id,
    events.event_date,
    events.event_timestamp,
    events.customer_id,
    events.visitor_id,
    events.session_id,
    events.session_started_at,
    events.event_type
from facts.fact_web_events as events
where
    {{ within("events.event_date", "event") }}
    and events.event_id in (
        {{ queued("web_event") }}
    );

delete from facts.fact_web_events
using old_event
where fact_web_events.event_id = old_event.event_id and {{ within("fact_web_events.event_date", "event") }};

create temp table standing distkey (event_id) as
select
    numbered.event_id,
    numbered.event_timestamp,
    numbered.customer_id,
    numbered.product_id,
    numbered.session_id,
    numbered.is_session_derived,
    numbered.event_type,
    numbered.page_url,
    numbered.referrer,
    numbered.device_type,
    numbered.browser,
    -- Versions begin and end within time, so an instant outside is resolved as the nearest one inside.
    {{ within_time("numbered.event_timestamp") }} as valid_at
from (
    select
        web_events.*,
        {{ newest_rank("web_events.event_id", "web_events") }} as version_rank
    from history.web_events as web_events
    where
        {{ within("web_events.delivery_date", "delivery") }}
        and web_events.event_id in (
            {{ queued("web_event") }}
        )
) as numbered
where numbered.version_rank = 1;

create temp table resolved_event distkey (event_id) as
select
    standing.event_id,
    {{ business_day(load, "standing.event_timestamp") }} as event_date,
    cast(to_char({{ business_day(load, "standing.event_timestamp") }}, 'YYYYMMDD') as integer)
        as event_date_key,
    standing.event_timestamp,
    case
        when standing.customer_id is null then -1
        else
            coalesce(
                customer.customer_key,
                {{ first_version_key("standing.customer_id") }}
            )
    end as customer_key,
    standing.customer_id,
    case
        when standing.product_id is null then -1
        else
            coalesce(
                product.product_key,
                {{ first_version_key("standing.product_id") }}
            )
    end as product_key,
    standing.product_id,
    standing.session_id,
    standing.is_session_derived,
    -- Processing puts the client in the place of a session that is missing.
    case when standing.is_session_derived then standing.session_id end as visitor_id,
    standing.event_type,
    standing.page_url,
    standing.referrer,
    standing.device_type,
    standing.browser
from standing
left join dimensions.dim_customer as customer
    on
        standing.customer_id = customer.customer_id
        and customer.customer_key <> -1
        and {{ valid_at("customer", "standing.valid_at") }}
left join dimensions.dim_product as product
    on
        standing.product_id = product.product_id
        and product.product_key <> -1
        and {{ valid_at("product", "standing.valid_at") }};

{% include "facts/fact_web_events/sessions.sql" %}

create temp table new_event distkey (event_id) as
select
    resolved_event.event_id,
    resolved_event.event_date,
    resolved_event.event_date_key,
    resolved_event.event_timestamp,
    resolved_event.customer_key,
    resolved_event.customer_id,
    resolved_event.product_key,
    resolved_event.product_id,
    coalesce(session_event.session_id, resolved_event.session_id) as session_id,
    resolved_event.is_session_derived,
    session_event.session_started_at,
    resolved_event.visitor_id,
    resolved_event.event_type,
    resolved_event.page_url,
    resolved_event.referrer,
    resolved_event.device_type,
    resolved_event.browser
from resolved_event
left join session_event on resolved_event.event_id = session_event.event_id;

insert into facts.fact_web_events (
    event_id, event_date, event_date_key, event_timestamp, customer_key, customer_id, product_key, product_id,
    session_id, is_session_derived, session_started_at, visitor_id, event_type, page_url, referrer, device_type,
    browser
)
select
    event_id,
    event_date,
    event_date_key,
    event_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    session_id,
    is_session_derived,
    session_started_at,
    visitor_id,
    event_type,
    page_url,
    referrer,
    device_type,
    browser
from new_event;

insert into history.pending_range (table_name, first_date, last_date)
select
    'fact_web_events' as table_name,
    min(event_date) as first_date,
    max(event_date) as last_date
from new_event
having count(*) > 0;

-- Days whose funnel changes: an event appeared, vanished, or changed its day, session or type.
insert into history.pending_event_day (event_date)
select distinct event_date
from (
    (
        select
            event_id,
            event_date,
            session_id,
            event_type
        from old_event
        except
        select
            event_id,
            event_date,
            session_id,
            event_type
        from new_event
    )
    union all
    (
        select
            event_id,
            event_date,
            session_id,
            event_type
        from new_event
        except
        select
            event_id,
            event_date,
            session_id,
            event_type
        from old_event
    )
) as changes
union
select event_date
from moved_event;

{{ dequeue("web_event") }};

{{ count_merge() }};
