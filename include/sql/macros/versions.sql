{% from "macros/time.sql" import BEGINNING %}

{#
The rank of a delivered row among all deliveries of its key, 1 for the newest version. Of two versions of one instant the
later delivery is the newer one: a clock that has only dates gives the changes of a day one instant. Within a delivery,
the greater content hash is the newer one. The result does not depend on the order of loading.

Args: key is what identifies the version; row is the alias of the history table, "" for none.
#}
{% macro newest_rank(key, row="") -%}
    {%- set of_row = row ~ "." if row else "" -%}
    row_number() over (
        partition by {{ key }}
        order by {{ of_row }}version_at desc, {{ of_row }}delivery_date desc, {{ of_row }}row_hash desc
    )
{%- endmacro %}

{# Whether a version of a dimension holds at an instant. Versions are half-open: each ends where the next begins. #}
{% macro valid_at(version, instant) -%}
    {{ instant }} >= {{ version }}.effective_from and {{ instant }} < {{ version }}.effective_to
{%- endmacro %}

{# Whether a version of a dimension is the last one of a day: it holds up to the day's end. #}
{% macro valid_at_end_of(version, day) -%}
    dateadd(day, 1, {{ day }}) > {{ version }}.effective_from
    and dateadd(day, 1, {{ day }}) <= {{ version }}.effective_to
{%- endmacro %}

{# As valid_at, where instants before the first and after the current version belong to these. #}
{% macro nearest_at(version, instant) -%}
    ({{ instant }} >= {{ version }}.effective_from or {{ version }}.effective_from = '{{ BEGINNING }}')
    and ({{ instant }} < {{ version }}.effective_to or {{ version }}.is_current)
{%- endmacro %}
