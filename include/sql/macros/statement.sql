{% from "macros/quotient.sql" import quotient %}

{#
The sales statement: gross_sales - discounts - returns = net_sales; + taxes + shipping = total_sales. Lines keep the
amounts below, everything else follows from them (docs/metrics.md, "The statement").
#}

{# Amounts of a line that the statement adds up; refunds are a part of returns. #}
{% set AMOUNTS = ("gross_sales", "discounts", "returns", "refunds", "taxes", "shipping") %}

{# Sums over revenue lines beside AMOUNTS; those named costed_ are over lines of known cost. #}
{% set COSTS = ("cost", "costed_revenue", "costed_net_sales") %}

{#
The columns of a statement, in the order of docs/metrics.md.

Args: row is the alias of the sums, "" for none; costed_lines counts the lines of known cost.
#}
{% macro statement_columns(row="") -%}
    {%- set of = row ~ "." if row else "" -%}
    {%- set net = of ~ "gross_sales - " ~ of ~ "discounts - " ~ of ~ "returns" -%}
    {{ of }}gross_sales,
    {{ of }}discounts,
    {{ of }}returns,
    {{ of }}refunds,
    {{ net }} as net_sales,
    {{ of }}taxes,
    {{ of }}shipping,
    {{ net }} + {{ of }}taxes + {{ of }}shipping as total_sales,
    case when {{ of }}costed_lines > 0 then {{ of }}cost end as cost,
    case when {{ of }}costed_lines > 0 then {{ of }}costed_revenue - {{ of }}cost end as gross_profit_before_discount,
    {{ quotient("100 * (" ~ of ~ "costed_revenue - " ~ of ~ "cost)", of ~ "costed_revenue") }}
        as margin_before_discount_percent,
    case when {{ of }}costed_lines > 0 then {{ of }}costed_net_sales - {{ of }}cost end as gross_profit_after_discount,
    {{ quotient("100 * (" ~ of ~ "costed_net_sales - " ~ of ~ "cost)", of ~ "costed_net_sales") }}
        as margin_after_discount_percent
{%- endmacro %}
