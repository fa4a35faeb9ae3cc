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

{# Sums of analytics.agg_statement. #}
{% set SUMS = ("orders", "units_sold", "total_revenue", "unsettled_orders", "costed_lines") + AMOUNTS + COSTS %}

{# A list of all sums, each as a pattern writes the name {0}. #}
{% macro each_sum(pattern) -%}
    {% for amount in SUMS %}{{ pattern.format(amount) }}{{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}

{#
The statement by period, a row for each from the first with sales to the last. A period with sales that the
calendar does not have is among them.

Args: period is SQL of an order's period, column its name; starts is SQL of whether a day of dim_date begins one.
#}
{% macro statement_by(period, column, starts="") %}
    with sales as (
        select
            {{ each_sum("sum({0}) as {0}") }},
            {{ period }}{{ " as " ~ column if period != column }}
        from analytics.agg_statement
        group by {{ period }}
    ),

    bounds as (
        select
            min({{ column }}) as first_period,
            max({{ column }}) as last_period
        from sales
    ),

    calendar as (
        select dates.full_date as {{ column }}
        from dimensions.dim_date as dates
        inner join bounds on dates.full_date between bounds.first_period and bounds.last_period
        {{ "where " ~ starts if starts }}
        union
        select {{ column }}
        from sales
    ),

    periods as (
        select
            {{ each_sum("coalesce(sales.{0}, 0) as {0}") }},
            calendar.{{ column }}
        from calendar
        left join sales on calendar.{{ column }} = sales.{{ column }}
    )

    select
        {{ column }},
        orders,
        units_sold,
        {{ statement_columns() }},
        total_revenue,
        gross_sales - discounts - returns as net_revenue,
        unsettled_orders
    from periods
{%- endmacro %}
