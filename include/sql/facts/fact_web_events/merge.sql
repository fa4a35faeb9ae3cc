-- Rebuilds the pending events of fact_web_events from history and the dimensions.
-- Grain: one event. Key: event_id; the newest delivery is the current one. Dimension keys are resolved as of
-- the event.
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/queue.sql" import count_merge, dequeue, touched_keys %}
{% from "macros/time.sql" import within_time %}
{% from "macros/versions.sql" import newest_rank, valid_at %}
lock table history.pending_key;

create temp table touched_event distkey (event_id) as
{{ touched_keys("web_event", "event_id") }};

create temp table old_event distkey (event_id) as
select
    events.event_id,
    events.event_date,
    events.session_id,
    events.event_type
from facts.fact_web_events as events
inner join touched_event on events.event_id = touched_event.event_id;

delete from facts.fact_web_events
using touched_event
where fact_web_events.event_id = touched_event.event_id;

insert into facts.fact_web_events (
    event_id, event_date, event_date_key, event_timestamp, customer_key, customer_id, product_key, product_id,
    session_id, is_session_derived, event_type, page_url, referrer, device_type, browser
)
with standing as (
    select
        numbered.*,
        -- Versions begin and end within time, so an instant outside is resolved as the nearest one inside.
        {{ within_time("numbered.event_timestamp") }} as valid_at
    from (
        select
            web_events.*,
            {{ newest_rank("web_events.event_id", "web_events") }} as version_rank
        from history.web_events as web_events
        inner join touched_event on web_events.event_id = touched_event.event_id
    ) as numbered
    where numbered.version_rank = 1
)

select
    standing.event_id,
    cast(standing.event_timestamp as date) as event_date,
    cast(to_char(standing.event_timestamp, 'YYYYMMDD') as integer) as event_date_key,
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

-- Days whose funnel changes: an event appeared, vanished, or changed its day, session or type.
create temp table new_event distkey (event_id) as
select
    events.event_id,
    events.event_date,
    events.session_id,
    events.event_type
from facts.fact_web_events as events
inner join touched_event on events.event_id = touched_event.event_id;

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
) as changes;

{{ dequeue("web_event") }};

{{ count_merge() }};
