-- Recounts the days whose web events changed.
create temp table touched_event_day as
select distinct event_date
from history.pending_event_day;

delete from analytics.agg_funnel_day
using touched_event_day
where agg_funnel_day.event_date = touched_event_day.event_date;

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
group by events.event_date;
