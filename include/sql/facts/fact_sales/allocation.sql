-- Allocation of the order's amounts to its lines by largest remainder (Hamilton's method) at 4 decimals: shares in
-- proportion to line_total; equal where line totals cancel out, that is, sum to less than a hundredth of the largest
-- one, since a line's share could be more than a hundred times the amount, and where a line is greater than their sum
-- and an amount is 10¹² or more, since a share might not fit decimal(18, 4). All arithmetic is on whole ten-thousandths.
-- First each line's weight and the order's total weight, which is positive. Where amounts and weights are below
-- 3,000,000,000 each, as they nearly always are, their products fit a BIGINT, which is many times as fast as a DECIMAL.
{% from "macros/allocation.sql" import allocated, floor_remainder %}
create temp table weighted distkey (order_id) as
with amounts as (
    select
        order_id,
        cast(tax * 10000 as bigint) as tax_units,
        cast(shipping_cost * 10000 as bigint) as shipping_units,
        cast(discount * 10000 as bigint) as discount_units,
        greatest(abs(tax), abs(shipping_cost), abs(discount)) < 300000 as is_narrow,
        greatest(abs(tax), abs(shipping_cost), abs(discount)) >= 1000000000000 as is_huge
    from header
    where tax <> 0 or shipping_cost <> 0 or discount <> 0
),

totals as (
    select
        order_id,
        order_item_id,
        cast(line_total * 10000 as bigint) as line_units,
        cast(sum(line_total) over (partition by order_id) * 10000 as decimal(38, 0)) as order_units,
        cast(max(abs(line_total)) over (partition by order_id) * 10000 as bigint) as largest_units,
        count(*) over (partition by order_id) as order_lines
    from line
),

weights as (
    select
        order_id,
        order_item_id,
        case
            when not is_proportional then 1
            when order_units < 0 then -line_units
            else line_units
        end as weight,
        cast(case when is_proportional then abs(order_units) else order_lines end as decimal(38, 0))
            as total_weight,
        largest_units < 3000000000 and abs(order_units) < 3000000000 and order_lines < 3000000000 as is_narrow
    from (
        select
            totals.*,
            order_units <> 0
            and abs(order_units) * case when amounts.is_huge then 1 else 100 end >= largest_units
                as is_proportional
        from totals
        inner join amounts on totals.order_id = amounts.order_id
    ) as judged
)

select
    weights.order_id,
    weights.order_item_id,
    weights.weight,
    weights.total_weight,
    amounts.tax_units,
    amounts.shipping_units,
    amounts.discount_units,
    case when weights.is_narrow then cast(weights.total_weight as bigint) end as narrow_weight,
    weights.is_narrow and amounts.is_narrow as is_narrow
from weights
inner join amounts on weights.order_id = amounts.order_id;

-- Each line gets the whole share of its part, the amount times its weight, and one unit more if its remainder is among
-- the largest. The sum of an order's remainders, divided by the total weight, is the whole number of units to give.
create temp table allocation distkey (order_id) as
{% for width, lines, divisor, factor, product in (
    ("narrow", "is_narrow", "narrow_weight", "bigint", "bigint"),
    ("wide", "not is_narrow", "total_weight", "decimal(19, 0)", "decimal(38, 0)"),
) %}
    {{ "with" if loop.first }} {{ width }}_parts as (
        select
            order_id,
            order_item_id,
            {{ divisor }} as total_weight,
        {% for amount in ("tax", "shipping", "discount") %}
            cast(cast({{ amount }}_units as {{ factor }}) * weight as {{ product }})
                as {{ amount }}_part{{ "," if not loop.last }}
        {% endfor %}
        from weighted
        where {{ lines }}
    ),

    {{ width }}_remainders as (
        select
            order_id,
            order_item_id,
            total_weight,
        {% for amount in ("tax", "shipping", "discount") %}
            {{ amount }}_part,
            {{ floor_remainder(amount ~ "_part", "total_weight") }}
                as {{ amount }}_remainder{{ "," if not loop.last }}
        {% endfor %}
        from {{ width }}_parts
    ),

    {{ width }}_ranked as (
        select
            order_id,
            order_item_id,
            total_weight,
        {% for amount in ("tax", "shipping", "discount") %}
            {{ amount }}_part - {{ amount }}_remainder as {{ amount }}_whole,
            cast(sum({{ amount }}_remainder) over (partition by order_id) as {{ product }})
                as {{ amount }}_left,
            row_number() over (
                partition by order_id order by {{ amount }}_remainder desc, order_item_id asc
                ) as {{ amount }}_rank{{ "," if not loop.last }}
        {% endfor %}
        from {{ width }}_remainders
    ){{ "," if not loop.last }}

{% endfor %}
{% for width in ("narrow", "wide") %}
    {{ "union all" if loop.last }}
    select
        order_id,
        order_item_id,
    {% for amount in ("tax", "shipping", "discount") %}
        {{ allocated(amount ~ "_whole", amount ~ "_left", amount ~ "_rank", "total_weight") }}
            as {{ amount }}_amount{{ "," if not loop.last }}
    {% endfor %}
    from {{ width }}_ranked{{ ";" if loop.last }}
{% endfor %}
