{#
What the shop's words for the status of an order mean: the property `statuses` of the contract
(include/sources/orders.yaml). Every treatment is defined in docs/metrics.md.
#}

{#
Whether the orders of a status have a treatment; never null.

Args: sources are those of the run; status is the column.
#}
{% macro is_treated(sources, treatment, status) -%}
    {%- set words = [] -%}
    {%- for source in sources if source.name == "orders" -%}
        {%- for known in source.statuses if known.treatment == treatment -%}
            {%- set _ = words.extend(known.words) -%}
        {%- endfor -%}
    {%- endfor -%}
    coalesce({{ status }} in ('{{ words | join("', '") }}'), false)
{%- endmacro %}

{# The canonical status of a word: that of the contract, else `other`. #}
{% macro canonical_status(sources, status) -%}
    case
        when {{ status }} is null then 'other'
    {%- for source in sources if source.name == "orders" -%}
        {%- for known in source.statuses %} when {{ status }} in ('{{ known.words | join("', '") }}') then '{{ known.status }}'
        {%- endfor -%}
    {%- endfor %}
        else 'other'
    end
{%- endmacro %}
