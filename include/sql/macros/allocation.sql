{#
Allocation of an order's amount to its lines by largest remainder (Hamilton's method). A line's part is the amount times
the line's weight; the part divided by the total weight, rounded down, is the line's whole share. What this leaves of
the amount goes, one unit each, to the lines with the largest remainders. All numbers are whole: units are
ten-thousandths.
#}

{# The remainder of a division that rounds towards minus infinity: never negative for a positive divisor. #}
{% macro floor_remainder(dividend, divisor) -%}
    mod({{ dividend }}, {{ divisor }})
    + case when {{ dividend }} < 0 and mod({{ dividend }}, {{ divisor }}) <> 0 then {{ divisor }} else 0 end
{%- endmacro %}

{#
A line's share of the amount, in money.

Args: whole is the part less its remainder, left the sum of all remainders of the order, rank the line's place among
them, the largest first.
#}
{% macro allocated(whole, left, rank, total_weight) -%}
    cast(
        cast(
            {{ whole }} / {{ total_weight }} + case when {{ rank }} * {{ total_weight }} <= {{ left }} then 1 else 0 end
            as decimal(18, 0)
        )
        * cast(0.0001 as decimal(5, 4)) as decimal(18, 4)
    )
{%- endmacro %}
