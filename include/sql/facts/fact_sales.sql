-- Rebuilds the lines of the pending orders of fact_sales from history and the dimensions.
-- Grain: one order line. Key: order_item_id. Dimension keys are resolved as of the order date.
-- A line whose order has not arrived is held: it stays in history and comes here when the order does.
lock table history.pending_key;

create temp table touched_order distkey (order_id) as
select distinct key_value as order_id
from history.pending_key
where entity = 'sales_order';

analyze touched_order;

create temp table header distkey (order_id) as
select
    numbered.order_id,
    numbered.customer_id,
    numbered.order_date,
    numbered.order_status,
    numbered.payment_method,
    numbered.currency,
    numbered.shipping_city,
    numbered.shipping_state,
    numbered.shipping_country,
    coalesce(numbered.tax, 0) as tax,
    coalesce(numbered.shipping_cost, 0) as shipping_cost,
    coalesce(numbered.discount, 0) as discount
from (
    select
        orders.*,
        row_number() over (
            partition by orders.order_id order by orders.version_at desc, orders.row_hash desc
        ) as version_rank
    from history.orders as orders
    inner join touched_order on orders.order_id = touched_order.order_id
) as numbered
where numbered.version_rank = 1;

analyze header;

create temp table touched_item distkey (order_item_id) as
select distinct items.order_item_id
from history.order_items as items
inner join touched_order on items.order_id = touched_order.order_id;

analyze touched_item;

-- The standing version of each item, wherever it stands now; then only those that stand in a touched order.
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
    inner join touched_item on items.order_item_id = touched_item.order_item_id
) as numbered
inner join header on numbered.order_id = header.order_id
where numbered.version_rank = 1;

analyze line;

-- Allocation of the order's amounts to its lines by largest remainder (Hamilton's method) at 4 decimals: shares in
-- proportion to line_total, equal where the line totals sum to zero. All arithmetic is on whole ten-thousandths.
create temp table allocation distkey (order_id) as
with amounts as (
    select
        order_id,
        'tax' as amount_kind,
        cast(tax * 10000 as decimal(19, 0)) as amount
    from header
    where tax <> 0
    union all
    select
        order_id,
        'shipping' as amount_kind,
        cast(shipping_cost * 10000 as decimal(19, 0)) as amount
    from header
    where shipping_cost <> 0
    union all
    select
        order_id,
        'discount' as amount_kind,
        cast(discount * 10000 as decimal(19, 0)) as amount
    from header
    where discount <> 0
),

totals as (
    select
        order_id,
        order_item_id,
        cast(line_total * 10000 as decimal(19, 0)) as line_units,
        cast(sum(line_total) over (partition by order_id) * 10000 as decimal(19, 0)) as order_units,
        count(*) over (partition by order_id) as order_lines
    from line
),

weights as (
    select
        order_id,
        order_item_id,
        case when order_units = 0 then cast(1 as decimal(19, 0)) else line_units end as weight,
        case when order_units = 0 then cast(order_lines as decimal(19, 0)) else order_units end as total_weight
    from totals
),

products as (
    select
        weights.order_id,
        weights.order_item_id,
        amounts.amount_kind,
        amounts.amount,
        weights.total_weight,
        cast(amounts.amount * weights.weight as decimal(38, 0)) as weighted
    from weights
    inner join amounts on weights.order_id = amounts.order_id
),

-- Whole part rounded towards minus infinity, so that what is left to give is never negative.
floors as (
    select
        order_id,
        order_item_id,
        amount_kind,
        amount,
        total_weight,
        weighted,
        cast(
            (weighted - mod(weighted, total_weight)) / total_weight
            - case
                when mod(weighted, total_weight) < 0 and total_weight > 0 then 1
                when mod(weighted, total_weight) > 0 and total_weight < 0 then 1
                else 0
            end as decimal(19, 0)
        ) as whole
    from products
),

ranked as (
    select
        order_id,
        order_item_id,
        amount_kind,
        whole,
        amount - sum(whole) over (partition by order_id, amount_kind) as left_over,
        row_number() over (
            partition by order_id, amount_kind
            order by (weighted - whole * total_weight) * sign(total_weight) desc, order_item_id asc
        ) as remainder_rank
    from floors
),

shares as (
    select
        order_id,
        order_item_id,
        amount_kind,
        cast(whole + case when remainder_rank <= left_over then 1 else 0 end as decimal(19, 4)) / 10000 as share
    from ranked
)

select
    order_id,
    order_item_id,
    cast(sum(case when amount_kind = 'tax' then share else 0 end) as decimal(18, 4)) as tax_amount,
    cast(sum(case when amount_kind = 'shipping' then share else 0 end) as decimal(18, 4)) as shipping_amount,
    cast(sum(case when amount_kind = 'discount' then share else 0 end) as decimal(18, 4)) as discount_amount
from shares
group by order_id, order_item_id;

analyze allocation;

create temp table new_sale distkey (order_id) as
select
    line.order_item_id,
    line.order_id,
    header.order_date as order_timestamp,
    case
        when header.customer_id is null then -1
        else
            coalesce(
                customer.customer_key,
                strtol(left(md5(header.customer_id || '|1900-01-01 00:00:00.000000'), 15), 16)
            )
    end as customer_key,
    header.customer_id,
    case
        when line.product_id is null then -1
        else
            coalesce(
                product.product_key,
                strtol(left(md5(line.product_id || '|1900-01-01 00:00:00.000000'), 15), 16)
            )
    end as product_key,
    line.product_id,
    coalesce(header.shipping_country, customer.country, 'unknown') as country,
    case
        when
            header.shipping_state is null and header.shipping_city is null
            then coalesce(customer.state, 'unknown')
        else coalesce(header.shipping_state, 'unknown')
    end as state,
    case
        when
            header.shipping_state is null and header.shipping_city is null
            then coalesce(customer.city, 'unknown')
        else coalesce(header.shipping_city, 'unknown')
    end as city,
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
left join allocation on line.order_id = allocation.order_id and line.order_item_id = allocation.order_item_id
left join dimensions.dim_customer as customer
    on
        header.customer_id = customer.customer_id
        and header.order_date >= customer.effective_from
        and header.order_date < customer.effective_to
left join dimensions.dim_product as product
    on
        line.product_id = product.product_id
        and header.order_date >= product.effective_from
        and header.order_date < product.effective_to;

create temp table old_sale distkey (order_id) as
select
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.order_id
from facts.fact_sales as sales
inner join touched_order on sales.order_id = touched_order.order_id;

delete from facts.fact_sales
using touched_order
where fact_sales.order_id = touched_order.order_id;

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
    shipping_amount, discount_amount, unit_cost, gross_profit, is_revenue, is_return, delivery_date
)
select
    order_item_id,
    order_id,
    cast(order_timestamp as date) as order_date,
    cast(to_char(order_timestamp, 'YYYYMMDD') as integer) as order_date_key,
    order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    strtol(left(md5(country || '|' || state || '|' || city), 15), 16) as geography_key,
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
    quantity < 0 as is_return,
    delivery_date
from new_sale;

insert into history.pending_line (order_date, customer_id, product_id, geography_key)
select
    order_date,
    customer_id,
    product_id,
    geography_key
from old_sale
union distinct
select
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key
from facts.fact_sales as sales
inner join touched_order on sales.order_id = touched_order.order_id;

insert into history.pending_key (entity, key_value)
select
    'agg_order' as entity,
    order_id as key_value
from touched_order;

-- Sales of a day count in the stock cover of that day and the 27 after it.
insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    min(order_date) as first_date,
    cast(dateadd(day, 27, max(order_date)) as date) as last_date
from history.pending_line
where product_id is not null
group by product_id;

-- A place without sales is no member any more.
delete from dimensions.dim_geography
where
    geography_key in (select geography_key from old_sale)
    and not exists (
        select 1 from facts.fact_sales
        where fact_sales.geography_key = dim_geography.geography_key
    );

delete from history.pending_key
where entity = 'sales_order';

update quality.warehouse_state set merge_seq = merge_seq + 1;
