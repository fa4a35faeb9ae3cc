{#
Bounds: the days in which the rows of a step lie, found by one narrow pass and carried by later statements as literals on
the sort column (plugins/ecommerce_dwh/warehouse/flow.py).
#}

{#
First and last day of a column, as the values first_<name> and last_<name>; of no rows, days that hold nothing.

Args: last is the column of the last day, where it is another one.
#}
{% macro span(column, name, last="") -%}
    coalesce(min({{ column }}), cast('9999-12-31' as date)) as first_{{ name }},
    coalesce(max({{ last or column }}), cast('0001-01-02' as date)) as last_{{ name }}
{%- endmacro %}

{# Whether a day lies within the bounds of a name. #}
{% macro within(column, name) -%}
    {{ column }} between '{first_{{ name }}}' and '{last_{{ name }}}'
{%- endmacro %}

{# The days from the first to the last that a date can have: bounds that leave nothing out. #}
{% macro all_days() -%}
    cast('0001-01-02' as date) as first_date,
    cast('9999-12-31' as date) as last_date
{%- endmacro %}
