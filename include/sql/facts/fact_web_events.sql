-- Rebuilds the pending events of fact_web_events from history and the dimensions.
-- Grain: one event. Key: event_id; of several deliveries the newest stands. Keys are resolved as of the event.
lock table history.pending_key;

create temp table touched_event distkey (event_id) as
select distinct key_value as event_id
from history.pending_key
where entity = 'web_event';

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
        -- Instants outside 1900 … 9999 are resolved as the nearest one inside: versions begin and end there.
        least(
            greatest(numbered.event_timestamp, cast('1900-01-01' as timestamp)), cast('9999-12-30' as timestamp)
        ) as valid_at
    from (
        select
            web_events.*,
            row_number() over (
                partition by web_events.event_id order by web_events.version_at desc, web_events.row_hash desc
            ) as version_rank
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
                strtol(left(md5(standing.customer_id || '|1900-01-01 00:00:00.000000'), 15), 16)
            )
    end as customer_key,
    standing.customer_id,
    case
        when standing.product_id is null then -1
        else
            coalesce(
                product.product_key,
                strtol(left(md5(standing.product_id || '|1900-01-01 00:00:00.000000'), 15), 16)
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
        and standing.valid_at >= customer.effective_from
        and standing.valid_at < customer.effective_to
left join dimensions.dim_product as product
    on
        standing.product_id = product.product_id
        and product.product_key <> -1
        and standing.valid_at >= product.effective_from
        and standing.valid_at < product.effective_to;

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

delete from history.pending_key
where entity = 'web_event';

update quality.warehouse_state set merge_seq = merge_seq + 1;
