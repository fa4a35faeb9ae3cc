{#
Between these two instants lies everything that the warehouse knows. The first version of a member begins at BEGINNING,
its current version ends at END, so that every fact finds a version. LAST is the last day on which a version can begin.
#}
{% set BEGINNING = "1900-01-01" %}
{% set END = "9999-12-31" %}
{% set LAST = "9999-12-30" %}

{# The instant from which the first version of a member holds. #}
{% macro beginning_of_time() -%}
    cast('{{ BEGINNING }}' as timestamp)
{%- endmacro %}

{# The instant until which the current version of a member holds. #}
{% macro end_of_time() -%}
    cast('{{ END }}' as timestamp)
{%- endmacro %}

{#
The instant, or the nearest one at which a version can begin. A date that a source got wrong (year 0002, year 20250)
therefore neither opens a gap between versions nor makes two of them overlap.
#}
{% macro within_time(instant) -%}
    least(greatest({{ instant }}, {{ beginning_of_time() }}), cast('{{ LAST }}' as timestamp))
{%- endmacro %}

{# The day of an instant; of one before the year 1 or after 9999, which no client can read, the nearest day inside. #}
{% macro readable_day(instant) -%}
    cast(least(greatest({{ instant }}, cast('0001-01-01' as timestamp)), {{ end_of_time() }}) as date)
{%- endmacro %}

{#
The business day of an instant of UTC: the day in the deployment's business_timezone. Instants at either end of time
keep a distance to it, so that every zone has a day for them.

Args: load is that of the run.
#}
{% macro business_day(load, instant) -%}
    {%- if load.business_timezone == "UTC" -%}
        cast({{ instant }} as date)
    {%- else -%}
        cast(
            convert_timezone(
                'UTC',
                '{{ load.business_timezone }}',
                least(greatest({{ instant }}, cast('0001-01-03' as timestamp)), cast('{{ LAST }}' as timestamp))
            ) as date
        )
    {%- endif -%}
{%- endmacro %}

{#
A day that no business day of the instant, or of a later one, lies before. Local days do not always grow with instants:
clocks are set back over midnight somewhere. No zone is more than a day from UTC.
#}
{% macro earliest_business_day(load, instant) -%}
    {%- if load.business_timezone == "UTC" -%}
        {{ readable_day(instant) }}
    {%- else -%}
        {{ readable_day("dateadd(day, -1, " ~ instant ~ ")") }}
    {%- endif -%}
{%- endmacro %}

{# A day that no business day of the instant, or of an earlier one, lies behind. #}
{% macro latest_business_day(load, instant) -%}
    {%- if load.business_timezone == "UTC" -%}
        {{ readable_day(instant) }}
    {%- else -%}
        {{ readable_day("dateadd(day, 1, " ~ instant ~ ")") }}
    {%- endif -%}
{%- endmacro %}
