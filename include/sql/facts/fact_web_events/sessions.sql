-- Sessions of the touched events, and of the events beside them whose session changes with them: an event that comes
-- late joins two sessions or begins one earlier, an event that is gone cuts one in two, at midnight as at noon. Only
-- sessions with an event less than the gap away from a touched event can change, so only these are cut again.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/sessions.sql" import GAP, goes_on, session_id, visitor %}
{% from "macros/time.sql" import earliest_business_day, latest_business_day %}
-- Touched instants of a visitor with less than the gap between them are one stretch of time.
create temp table touched_visit as
select
    stretches.visitor,
    min(stretches.event_timestamp) as first_at,
    max(stretches.event_timestamp) as last_at
from (
    select
        instants.visitor,
        instants.event_timestamp,
        sum(instants.begins) over (
            partition by instants.visitor
            order by instants.event_timestamp
            rows unbounded preceding
        ) as stretch
    from (
        select
            visits.visitor,
            visits.event_timestamp,
            case
                when {{ goes_on("visits.event_timestamp", "visits.visitor", "visits.event_timestamp") }} then 0
                else 1
            end as begins
        from (
            select
                {{ visitor("old_event") }} as visitor,
                old_event.event_timestamp
            from old_event
            union
            select
                {{ visitor("resolved_event") }} as visitor,
                resolved_event.event_timestamp
            from resolved_event
        ) as visits
        where visits.visitor is not null
    ) as instants
) as stretches
group by stretches.visitor, stretches.stretch;

-- bounds: days around the touched events that came without a session
select
    {{ span(earliest_business_day(load, "dateadd(minute, -" ~ GAP ~ ", first_at)"), "visit",
            latest_business_day(load, "dateadd(minute, " ~ GAP ~ ", last_at)")) }},
    count(*) as touched_visits
from touched_visit;

create temp table touched_session as
select
    old_event.session_id,
    old_event.session_started_at
from old_event
where old_event.visitor_id is not null
union
select
    events.session_id,
    events.session_started_at
from facts.fact_web_events as events
inner join touched_visit
    on
        {{ visitor("events") }} = touched_visit.visitor
        and events.event_timestamp > dateadd(minute, -{{ GAP }}, touched_visit.first_at)
        and events.event_timestamp < dateadd(minute, {{ GAP }}, touched_visit.last_at)
where {{ within("events.event_date", "visit") }};

-- bounds: first day of the sessions that may change
select
    {{ span(earliest_business_day(load, "session_started_at"), "started") }},
    count(*) as touched_sessions
from touched_session;

create temp table visit_event as
select
    resolved_event.event_id,
    resolved_event.event_date,
    resolved_event.event_timestamp,
    {{ visitor("resolved_event") }} as visitor,
    cast(null as varchar(128)) as old_session_id
from resolved_event
where resolved_event.visitor_id is not null
union all
select
    events.event_id,
    events.event_date,
    events.event_timestamp,
    {{ visitor("events") }} as visitor,
    events.session_id as old_session_id
from facts.fact_web_events as events
inner join touched_session
    on events.session_id = touched_session.session_id
where events.event_date >= '{first_started}' and events.visitor_id is not null;

create temp table session_event distkey (event_id) as
select
    sessions.event_id,
    sessions.event_date,
    sessions.old_session_id,
    sessions.session_started_at,
    {{ session_id("sessions.visitor", "sessions.session_started_at") }} as session_id
from (
    select
        visits.*,
        max(visits.begins_at) over (
            partition by visits.visitor
            order by visits.event_timestamp, visits.event_id
            rows unbounded preceding
        ) as session_started_at
    from (
        select
            visit_event.*,
            case
                when {{ goes_on("visit_event.event_timestamp", "visit_event.visitor",
                                "visit_event.event_timestamp, visit_event.event_id") }}
                    then cast(null as timestamp)
                else visit_event.event_timestamp
            end as begins_at
        from visit_event
    ) as visits
) as sessions;

create temp table moved_event distkey (event_id) as
select
    event_id,
    event_date,
    session_id,
    session_started_at
from session_event
where old_session_id <> session_id;

-- bounds: days of the events beside the touched ones whose session changes
select
    {{ span("event_date", "moved") }},
    count(*) as moved_events
from moved_event;

-- if: moved_events
update facts.fact_web_events set
    session_id = moved_event.session_id,
    session_started_at = moved_event.session_started_at
from moved_event
where
    fact_web_events.event_id = moved_event.event_id
    and {{ within("fact_web_events.event_date", "moved") }};
