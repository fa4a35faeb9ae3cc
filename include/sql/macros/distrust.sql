{#
A declared key as an expression. Redshift does not enforce PRIMARY and FOREIGN KEY, but its planner trusts them
(https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html): a check of the bare key may be planned
away as known to be true. Nothing is declared of an expression.
#}
{% macro undeclared_text(column) -%}
    {{ column }} || ''
{%- endmacro %}

{# As undeclared_text, of a number. #}
{% macro undeclared_number(column) -%}
    {{ column }} + 0
{%- endmacro %}
