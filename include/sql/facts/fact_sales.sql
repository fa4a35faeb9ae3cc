-- Rebuilds the lines of the pending orders of fact_sales from history and the dimensions.
-- Grain: one order line. Key: order_item_id. Dimension keys are resolved as of the order date.
-- A line whose order has not arrived is held: it stays in history and comes here when the order does.
-- dim_geography is kept here, too: its members are the places of these lines, and another run may move a customer
-- between two steps, so only this transaction knows them.
lock table history.pending_key;

create temp table touched_order distkey (order_id) as
select distinct key_value as order_id
from history.pending_key
where entity = 'sales_order';

-- The standing header of each order.
create temp table standing distkey (order_id) as
select
    numbered.order_id,
    numbered.customer_id,
    numbered.order_date,
    numbered.order_status,
    numbered.payment_method,
    numbered.currency,
    numbered.shipping_country,
    numbered.shipping_state,
    numbered.shipping_city,
    numbered.tax,
    numbered.shipping_cost,
    numbered.discount,
    -- Dates outside 1900 … 9999 are resolved as the nearest one inside: versions begin and end there.
    least(
        greatest(numbered.order_date, cast('1900-01-01' as timestamp)), cast('9999-12-30' as timestamp)
    ) as valid_at
from (
    select
        orders.order_id,
        orders.customer_id,
        orders.order_date,
        orders.order_status,
        orders.payment_method,
        orders.currency,
        orders.shipping_country,
        orders.shipping_state,
        orders.shipping_city,
        coalesce(orders.tax, 0) as tax,
        coalesce(orders.shipping_cost, 0) as shipping_cost,
        coalesce(orders.discount, 0) as discount,
        row_number() over (
            partition by orders.order_id order by orders.version_at desc, orders.row_hash desc
        ) as version_rank
    from history.orders as orders
    inner join touched_order on orders.order_id = touched_order.order_id
) as numbered
where numbered.version_rank = 1;

-- With the customer's version and the place, which are the same for all its lines.
create temp table header distkey (order_id) as
with placed as (
    select
        standing.order_id,
        standing.customer_id,
        standing.order_date,
        standing.valid_at,
        standing.order_status,
        standing.payment_method,
        standing.currency,
        standing.tax,
        standing.shipping_cost,
        standing.discount,
        customer.customer_key,
        coalesce(standing.shipping_country, customer.country, 'unknown') as country,
        case
            when
                standing.shipping_state is null and standing.shipping_city is null
                then coalesce(customer.state, 'unknown')
            else coalesce(standing.shipping_state, 'unknown')
        end as state,
        case
            when
                standing.shipping_state is null and standing.shipping_city is null
                then coalesce(customer.city, 'unknown')
            else coalesce(standing.shipping_city, 'unknown')
        end as city
    from standing
    left join dimensions.dim_customer as customer
        on
            standing.customer_id = customer.customer_id
            and customer.customer_key <> -1
            and standing.valid_at >= customer.effective_from
            and standing.valid_at < customer.effective_to
)

select
    order_id,
    customer_id,
    order_date,
    valid_at,
    order_status,
    payment_method,
    currency,
    tax,
    shipping_cost,
    discount,
    case
        when customer_id is null then -1
        else coalesce(customer_key, strtol(left(md5(customer_id || '|1900-01-01 00:00:00.000000'), 15), 16))
    end as customer_key,
    country,
    state,
    city,
    strtol(left(md5(md5(country) || md5(state) || md5(city)), 15), 16) as geography_key
from placed;

-- The standing version of each item that ever stood in a touched order, wherever it stands now: joins with header leave
-- out those that have left. From permanent tables only, which PostgreSQL reads in several processes, not touched_order.
create temp table line distkey (order_id) as
select
    numbered.order_item_id,
    numbered.order_id,
    numbered.product_id,
    numbered.quantity,
    numbered.unit_price,
    cast(coalesce(numbered.line_total, numbered.quantity * numbered.unit_price) as decimal(18, 4))
        as line_total,
    numbered.delivery_date
from (
    select
        items.*,
        row_number() over (
            partition by items.order_item_id order by items.version_at desc, items.row_hash desc
        ) as version_rank
    from history.order_items as items
    where
        items.order_item_id in (
            select touched.order_item_id
            from history.order_items as touched
            where
                touched.order_id in (
                    select key_value from history.pending_key
                    where entity = 'sales_order'
                )
        )
) as numbered
where numbered.version_rank = 1;

-- Allocation of the order's amounts to its lines by largest remainder (Hamilton's method) at 4 decimals: shares in
-- proportion to line_total; equal where line totals cancel out, that is, sum to less than a hundredth of the largest
-- one, since proportions would grow without bound. All arithmetic is on whole ten-thousandths.
-- First each line's weight and the order's total weight, which is positive. Where amounts and weights are below
-- 3,000,000,000 each, as they nearly always are, their products fit a BIGINT, which is many times as fast as a DECIMAL.
create temp table weighted distkey (order_id) as
with amounts as (
    select
        order_id,
        cast(tax * 10000 as bigint) as tax_units,
        cast(shipping_cost * 10000 as bigint) as shipping_units,
        cast(discount * 10000 as bigint) as discount_units,
        abs(tax) < 300000 and abs(shipping_cost) < 300000 and abs(discount) < 300000 as is_narrow
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
            order_units <> 0 and abs(order_units) * 100 >= largest_units as is_proportional
        from totals
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

-- Each line gets its part, the amount times its weight, divided by the total weight and rounded towards minus infinity.
-- What that leaves of the amount is the sum of the remainders divided by the total weight, a whole number: one unit for
-- each of the largest remainders.
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
            mod({{ amount }}_part, total_weight)
            + case
                when {{ amount }}_part < 0 and mod({{ amount }}_part, total_weight) <> 0 then total_weight
                else 0
            end
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
        cast(
            cast(
                {{ amount }}_whole / total_weight
                + case when {{ amount }}_rank * total_weight <= {{ amount }}_left then 1 else 0 end
                as decimal(18, 0)
            )
            * cast(0.0001 as decimal(5, 4)) as decimal(18, 4)
        ) as {{ amount }}_amount{{ "," if not loop.last }}
    {% endfor %}
    from {{ width }}_ranked{{ ";" if loop.last }}
{% endfor %}

create temp table new_sale distkey (order_id) as
with resolved as (
    select
        line.order_item_id,
        line.order_id,
        header.order_date,
        header.customer_key,
        header.customer_id,
        coalesce(
            product.product_key, strtol(left(md5(line.product_id || '|1900-01-01 00:00:00.000000'), 15), 16)
        ) as product_key,
        line.product_id,
        header.country,
        header.state,
        header.city,
        header.geography_key,
        header.order_status,
        header.payment_method,
        header.currency,
        line.quantity,
        line.unit_price,
        line.line_total,
        coalesce(allocation.tax_amount, 0) as tax_amount,
        coalesce(allocation.shipping_amount, 0) as shipping_amount,
        coalesce(allocation.discount_amount, 0) as discount_amount,
        product.cost as unit_cost,
        line.delivery_date
    from line
    inner join header on line.order_id = header.order_id
    left join allocation
        on line.order_id = allocation.order_id and line.order_item_id = allocation.order_item_id
    left join dimensions.dim_product as product
        on
            line.product_id = product.product_id
            and product.product_key <> -1
            and header.valid_at >= product.effective_from
            and header.valid_at < product.effective_to
)

select
    order_item_id,
    order_id,
    cast(order_date as date) as order_date,
    order_date as order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    country,
    state,
    city,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    cast(line_total - quantity * unit_cost as decimal(38, 4)) as gross_profit,
    not(coalesce(order_status, '') in ('cancelled', 'unavailable') and quantity > 0) as is_revenue,
    delivery_date
from resolved;

create temp table old_sale distkey (order_id) as
select
    sales.order_id,
    sales.order_item_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit,
    sales.is_revenue
from facts.fact_sales as sales
inner join touched_order on sales.order_id = touched_order.order_id;

delete from facts.fact_sales
using old_sale
where fact_sales.order_id = old_sale.order_id;

insert into facts.fact_sales (
    order_item_id,
    order_id,
    order_date,
    order_date_key,
    order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    gross_profit,
    is_revenue,
    is_return,
    delivery_date
)
select
    order_item_id,
    order_id,
    order_date,
    cast(to_char(order_date, 'YYYYMMDD') as integer) as order_date_key,
    order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    gross_profit,
    is_revenue,
    quantity < 0 as is_return,
    delivery_date
from new_sale;

-- Places ---------------------------------------------------------------------------------------------------------
insert into dimensions.dim_geography (geography_key, country, state, city)
select distinct
    new_sale.geography_key,
    new_sale.country,
    new_sale.state,
    new_sale.city
from new_sale
left join dimensions.dim_geography as places on new_sale.geography_key = places.geography_key
where places.geography_key is null;

-- A place without sales is no member any more.
create temp table left_place as
select geography_key from old_sale
except
select geography_key from new_sale;

create temp table vacant_place as
select left_place.geography_key
from left_place
left join facts.fact_sales as sales on left_place.geography_key = sales.geography_key
where sales.geography_key is null;

delete from dimensions.dim_geography
using vacant_place
where dim_geography.geography_key = vacant_place.geography_key;

-- Units per product and day, and the stock cover of that day and the 27 after it ------------------------------------
create temp table unit_change distkey (product_id) as
select
    product_id,
    order_date,
    sum(units) as units
from (
    select
        product_id,
        order_date,
        cast(quantity as bigint) as units
    from new_sale
    where is_revenue
    union all
    select
        product_id,
        order_date,
        -cast(quantity as bigint) as units
    from old_sale
    where is_revenue
) as changes
group by product_id, order_date
having sum(units) <> 0;

create temp table new_product_day distkey (product_id) as
select
    unit_change.product_id,
    unit_change.order_date,
    unit_change.units + coalesce(days.units, 0) as units
from unit_change
left join facts.agg_product_day as days
    on unit_change.product_id = days.product_id and unit_change.order_date = days.order_date;

delete from facts.agg_product_day
using unit_change
where
    agg_product_day.product_id = unit_change.product_id
    and agg_product_day.order_date = unit_change.order_date;

insert into facts.agg_product_day (product_id, order_date, units)
select
    product_id,
    order_date,
    units
from new_product_day
where units <> 0;

insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    order_date as first_date,
    cast(dateadd(day, 27, order_date) as date) as last_date
from unit_change;

create temp table kept_order distkey (order_id) as
select distinct key_value as order_id
from history.pending_key
where entity = 'agg_order';

-- What the aggregates counted of an order is kept until they are brought up to date; the first change since the last
-- publish finds it in the fact, later ones find it kept.
insert into history.published_line (
    order_id,
    order_item_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit
)
select
    old_sale.order_id,
    old_sale.order_item_id,
    old_sale.order_date,
    old_sale.customer_id,
    old_sale.product_id,
    old_sale.geography_key,
    old_sale.quantity,
    old_sale.line_total,
    old_sale.gross_profit
from old_sale
left join kept_order as kept on old_sale.order_id = kept.order_id
where old_sale.is_revenue and kept.order_id is null;

insert into history.pending_key (entity, key_value)
select
    'agg_order' as entity,
    touched_order.order_id as key_value
from touched_order
left join kept_order as kept on touched_order.order_id = kept.order_id
where kept.order_id is null;

delete from history.pending_key
where entity = 'sales_order';

update quality.warehouse_state set merge_seq = merge_seq + 1;
