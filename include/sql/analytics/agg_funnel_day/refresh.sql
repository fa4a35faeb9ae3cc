-- Recounts the days whose web events changed.
{% from "macros/bounds.sql" import span, within %}
create temp table touched_event_day as
select distinct event_date
from history.pending_event_day;

-- bounds: days whose web events changed
select
    {{ span("event_date", "event_day") }},
    count(*) as event_days
from touched_event_day;

-- if: event_days
delete from analytics.agg_funnel_day
using touched_event_day
where agg_funnel_day.event_date = touched_event_day.event_date;

-- if: event_days
insert into analytics.agg_funnel_day (
    event_date,
    events,
    sessions,
    sessions_with_view,
    sessions_with_cart,
    sessions_with_checkout,
    sessions_with_purchase
)
select
    events.event_date,
    count(*) as events,
    count(distinct events.session_id) as sessions,
    count(
        distinct case when events.event_type in ('page_view', 'product_view', 'view') then events.session_id end
    ) as sessions_with_view,
    count(distinct case when events.event_type = 'add_to_cart' then events.session_id end)
        as sessions_with_cart,
    count(distinct case when events.event_type in ('checkout', 'begin_checkout') then events.session_id end)
        as sessions_with_checkout,
    count(distinct case when events.event_type = 'purchase' then events.session_id end)
        as sessions_with_purchase
from facts.fact_web_events as events
inner join touched_event_day on events.event_date = touched_event_day.event_date
where {{ within("events.event_date", "event_day") }}
group by events.event_date;
