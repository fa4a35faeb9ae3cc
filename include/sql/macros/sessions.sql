{#
Sessions of web events that the site sent without one (docs/metrics.md): the events of one visitor with less than the gap
between neighbours.
#}

{# Minutes without an event after which a session is over: gapMinutes of include/sources/web_events.yaml. #}
{% set GAP = 30 %}

{#
Whose events make a session: the customer, and for those who are not known the client. Null where the site sent the
session.
#}
{% macro visitor(row) -%}
    case when {{ row }}.visitor_id is not null then coalesce('c:' || {{ row }}.customer_id, {{ row }}.visitor_id) end
{%- endmacro %}

{# Whether no more than the gap lies between an instant and the one before. #}
{% macro goes_on(instant, partition, order) -%}
    {{ instant }} < dateadd(minute, {{ GAP }}, lag({{ instant }}) over (partition by {{ partition }} order by {{ order }}))
{%- endmacro %}

{# The id of a session: the same visitor and first instant give the same id in every load. #}
{% macro session_id(visitor, started_at) -%}
    'd-' || md5({{ visitor }} || '|' || to_char({{ started_at }}, 'YYYY-MM-DD HH24:MI:SS.US'))
{%- endmacro %}
