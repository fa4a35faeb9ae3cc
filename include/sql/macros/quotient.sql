{#
A quotient, rounded half away from zero; null where the divisor is zero or either side is null. Of wide decimals
Redshift keeps 4 decimals of a quotient
(https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html), so rounding that again would round
twice. Here both sides are whole ten-thousandths, and the remainder is taken off before the division, which is exact.

Args: dividend and divisor have at most 4 decimals; places is the number of decimals of the result.
#}
{% macro quotient(dividend, divisor, places=2) -%}
    {%- set part = "cast(abs(" ~ dividend ~ ") as decimal(38, 4))" -%}
    {%- set whole = "cast(abs(" ~ divisor ~ ") as decimal(38, 4))" -%}
    {%- set units = part ~ " * " ~ 2 * 10 ** (places + 4) ~ " + " ~ whole ~ " * 10000" -%}
    {%- set twice = "cast(" ~ units ~ " as decimal(38, 0))" -%}
    {%- set unit = "cast(" ~ whole ~ " * 20000 as decimal(38, 0))" -%}
    cast(
        case
            when {{ divisor }} <> 0
                then
                    case when {{ dividend }} < 0 then -1 else 1 end
                    * case when {{ divisor }} < 0 then -1 else 1 end
                    * cast(({{ twice }} - mod({{ twice }}, {{ unit }})) / {{ unit }} as decimal(30, 0))
                    * cast({{ 10.0 ** -places }} as decimal({{ places + 1 }}, {{ places }}))
        end as decimal(38, {{ places }})
    )
{%- endmacro %}
