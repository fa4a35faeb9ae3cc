-- The bounds of the audit of web events, which names this file in its header (-- reads).
{% from "macros/bounds.sql" import span %}
-- needed: events were merged since the last publish
select count(*) as ranges
from history.pending_range
where table_name = 'fact_web_events'
having count(*) > 0;

-- bounds: days of the events that were merged
select {{ span("first_date", "event", "last_date") }}
from history.pending_range
where table_name = 'fact_web_events';
