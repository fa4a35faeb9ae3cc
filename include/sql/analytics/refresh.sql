-- Publishes: brings the aggregates of every touched key and the published day up to date, in one transaction. Readers
-- of analytics.* see the last published day until this commits, and the new one from then on.
-- Counts and sums change by what the touched orders gained or lost since the last publish (history.published_line
-- against fact_sales), so the cost is that of the change; maintenance/rebuild_analytics.sql has all counted anew.
lock table history.pending_key;

-- guard: something was merged after the last passed audit; let that run finish, or clear this run from audit
select
    merge_seq,
    audited_seq
from quality.warehouse_state
where merge_seq <> audited_seq;

-- guard: another run has loaded days that are not merged yet; let it finish, or clear this run from merge_dimensions
select
    'pending keys' as what,
    count(*) as pending
from history.pending_key
where entity not in ('agg_customer', 'agg_product', 'agg_order', 'agg_all')
having count(*) > 0
union all
select
    'pending stock snapshots' as what,
    count(*) as pending
from history.pending_inventory
having count(*) > 0;

-- A rebuild that was asked for (maintenance/rebuild_*.sql) counts from nothing --------------------------------------
-- Where many rows are looked up below, that is said again: what this transaction deleted would have to be read.
{% for aggregate in (
    "order", "day", "month", "customer", "customer_month", "product", "product_customer", "geography",
    "geography_customer", "funnel_day",
) %}
    delete from analytics.agg_{{ aggregate }}
    where
        exists (
            select 1
            from history.pending_key
            where pending_key.entity = 'agg_all'
        );
{% endfor %}

-- What changed: revenue lines of the touched orders as published (-1) and as they are (+1) -------------------------
create temp table line_change distkey (order_id) as
select
    -1 as change,
    order_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit
from history.published_line
union all
select
    1 as change,
    sales.order_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit
from facts.fact_sales as sales
where
    sales.is_revenue
    and sales.order_id in (
        select key_value from history.pending_key
        where entity = 'agg_order'
    );

-- All lines of one order share its date, customer and place.
create temp table order_change distkey (order_id) as
select
    change,
    order_id,
    max(customer_id) as customer_id,
    max(order_date) as order_date,
    cast(date_trunc('month', max(order_date)) as date) as month_start,
    max(geography_key) as geography_key,
    change * sum(cast(quantity as bigint)) as units,
    change * sum(line_total) as revenue
from line_change
group by change, order_id;

-- Orders -----------------------------------------------------------------------------------------------------------
delete from analytics.agg_order
using order_change
where agg_order.order_id = order_change.order_id and order_change.change = -1;

insert into analytics.agg_order (order_id, customer_id, order_date, geography_key, units, revenue)
select
    order_id,
    customer_id,
    order_date,
    geography_key,
    units,
    revenue
from order_change
where change = 1
order by customer_id, order_date;

-- Days -------------------------------------------------------------------------------------------------------------
create temp table new_day as
select
    changes.order_date,
    sum(changes.total_orders) as total_orders,
    sum(changes.total_revenue) as total_revenue
from (
    select
        order_date,
        change as total_orders,
        revenue as total_revenue
    from order_change
    union all
    select
        days.order_date,
        days.total_orders,
        days.total_revenue
    from analytics.agg_day as days
    where days.order_date in (select order_change.order_date from order_change)
) as changes
group by changes.order_date;

delete from analytics.agg_day
using new_day
where agg_day.order_date = new_day.order_date;

insert into analytics.agg_day (order_date, total_orders, total_revenue)
select
    order_date,
    total_orders,
    total_revenue
from new_day
where total_orders <> 0;

-- Customers and months ---------------------------------------------------------------------------------------------
create temp table customer_month_change distkey (customer_id) as
with published as (
    select
        customer_id,
        month_start,
        total_orders,
        revenue
    from analytics.agg_customer_month
    where
        not exists (
            select 1
            from history.pending_key
            where pending_key.entity = 'agg_all'
        )
)

select
    changes.customer_id,
    changes.month_start,
    changes.orders_change,
    changes.revenue_change,
    coalesce(published.total_orders, 0) as old_orders,
    coalesce(published.revenue, 0) as old_revenue
from (
    select
        customer_id,
        month_start,
        sum(change) as orders_change,
        sum(revenue) as revenue_change
    from order_change
    where customer_id is not null
    group by customer_id, month_start
) as changes
left join published
    on changes.customer_id = published.customer_id and changes.month_start = published.month_start;

delete from analytics.agg_customer_month
using customer_month_change
where
    agg_customer_month.customer_id = customer_month_change.customer_id
    and agg_customer_month.month_start = customer_month_change.month_start
    and customer_month_change.old_orders <> 0;

insert into analytics.agg_customer_month (customer_id, month_start, total_orders, revenue)
select
    customer_id,
    month_start,
    old_orders + orders_change as total_orders,
    old_revenue + revenue_change as revenue
from customer_month_change
where old_orders + orders_change <> 0
order by month_start, customer_id;

create temp table new_month as
select
    changes.month_start,
    sum(changes.total_orders) as total_orders,
    sum(changes.unique_customers) as unique_customers,
    sum(changes.units_sold) as units_sold,
    sum(changes.total_revenue) as total_revenue
from (
    select
        month_start,
        change as total_orders,
        0 as unique_customers,
        units as units_sold,
        revenue as total_revenue
    from order_change
    union all
    -- a customer counts from its first order of the month to its last
    select
        month_start,
        0 as total_orders,
        case when old_orders + orders_change > 0 then 1 else 0 end
        - case when old_orders > 0 then 1 else 0 end as unique_customers,
        0 as units_sold,
        0 as total_revenue
    from customer_month_change
    union all
    select
        months.month_start,
        months.total_orders,
        months.unique_customers,
        months.units_sold,
        months.total_revenue
    from analytics.agg_month as months
    where months.month_start in (select order_change.month_start from order_change)
) as changes
group by changes.month_start;

delete from analytics.agg_month
using new_month
where agg_month.month_start = new_month.month_start;

insert into analytics.agg_month (month_start, total_orders, unique_customers, units_sold, total_revenue)
select
    month_start,
    total_orders,
    unique_customers,
    units_sold,
    total_revenue
from new_month
where total_orders <> 0;

-- Pairs of product and customer, place and customer: who bought what, who bought where -----------------------------
-- In how many orders, however many lines of them say so; unknown customers are kept for the product's own count.
create temp table product_customer_change distkey (customer_id) as
with published as (
    select
        product_id,
        customer_id,
        orders
    from analytics.agg_product_customer
    where
        not exists (
            select 1
            from history.pending_key
            where pending_key.entity = 'agg_all'
        )
)

select
    changes.product_id,
    changes.customer_id,
    changes.orders_change,
    coalesce(published.orders, 0) as old_orders,
    case when coalesce(published.orders, 0) + changes.orders_change > 0 then 1 else 0 end
    - case when published.orders > 0 then 1 else 0 end as pairs_change
from (
    select
        product_id,
        customer_id,
        count(distinct case when change = 1 then order_id end)
        - count(distinct case when change = -1 then order_id end) as orders_change
    from line_change
    group by product_id, customer_id
) as changes
left join published
    on changes.product_id = published.product_id and changes.customer_id = published.customer_id
where changes.orders_change <> 0;

delete from analytics.agg_product_customer
using product_customer_change
where
    agg_product_customer.product_id = product_customer_change.product_id
    and agg_product_customer.customer_id = product_customer_change.customer_id
    and product_customer_change.old_orders <> 0;

insert into analytics.agg_product_customer (product_id, customer_id, orders)
select
    product_id,
    customer_id,
    old_orders + orders_change as orders
from product_customer_change
where customer_id is not null and old_orders + orders_change <> 0
order by customer_id, product_id;

create temp table geography_customer_change distkey (geography_key) as
with published as (
    select
        geography_key,
        customer_id,
        orders
    from analytics.agg_geography_customer
    where
        not exists (
            select 1
            from history.pending_key
            where pending_key.entity = 'agg_all'
        )
)

select
    changes.geography_key,
    changes.customer_id,
    changes.orders_change,
    coalesce(published.orders, 0) as old_orders
from (
    select
        geography_key,
        customer_id,
        sum(change) as orders_change
    from order_change
    where customer_id is not null
    group by geography_key, customer_id
) as changes
left join published
    on changes.geography_key = published.geography_key and changes.customer_id = published.customer_id
where changes.orders_change <> 0;

delete from analytics.agg_geography_customer
using geography_customer_change
where
    agg_geography_customer.geography_key = geography_customer_change.geography_key
    and agg_geography_customer.customer_id = geography_customer_change.customer_id
    and geography_customer_change.old_orders <> 0;

insert into analytics.agg_geography_customer (geography_key, customer_id, orders)
select
    geography_key,
    customer_id,
    old_orders + orders_change as orders
from geography_customer_change
where old_orders + orders_change <> 0
order by geography_key, customer_id;

-- Customers --------------------------------------------------------------------------------------------------------
create temp table customer_change distkey (customer_id) as
with months as (
    select
        customer_id,
        sum(orders_change) as total_orders,
        sum(revenue_change) as lifetime_value
    from customer_month_change
    group by customer_id
),

products as (
    select
        customer_id,
        sum(pairs_change) as unique_products
    from product_customer_change
    group by customer_id
),

touched as (
    select key_value as customer_id
    from history.pending_key
    where entity = 'agg_customer'
    union
    select customer_id
    from months
)

select
    touched.customer_id,
    coalesce(months.total_orders, 0) as total_orders,
    coalesce(months.lifetime_value, 0) as lifetime_value,
    coalesce(products.unique_products, 0) as unique_products
from touched
left join months on touched.customer_id = months.customer_id
left join products on touched.customer_id = products.customer_id;

-- First and last order: who only gained orders has them between the published ones and the new; who lost one is looked
-- up among all its orders.
create temp table new_customer distkey (customer_id) as
with gained as (
    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from order_change
    where change = 1
    group by customer_id
),

lost as (
    select distinct customer_id
    from order_change
    where change = -1
),

ordered as (
    select
        orders.customer_id,
        min(orders.order_date) as first_order_date,
        max(orders.order_date) as last_order_date
    from analytics.agg_order as orders
    inner join lost on orders.customer_id = lost.customer_id
    group by orders.customer_id
)

select
    customer_change.customer_id,
    case
        when lost.customer_id is not null then ordered.first_order_date
        else least(published.first_order_date, gained.first_order_date)
    end as first_order_date,
    case
        when lost.customer_id is not null then ordered.last_order_date
        else greatest(published.last_order_date, gained.last_order_date)
    end as last_order_date,
    customer_change.total_orders + coalesce(published.total_orders, 0) as total_orders,
    customer_change.lifetime_value + coalesce(published.lifetime_value, 0) as lifetime_value,
    customer_change.unique_products + coalesce(published.unique_products, 0) as unique_products
from customer_change
left join analytics.agg_customer as published on customer_change.customer_id = published.customer_id
left join gained on customer_change.customer_id = gained.customer_id
left join lost on customer_change.customer_id = lost.customer_id
left join ordered on customer_change.customer_id = ordered.customer_id;

delete from analytics.agg_customer
using customer_change
where agg_customer.customer_id = customer_change.customer_id;

insert into analytics.agg_customer (
    customer_id,
    full_name,
    customer_segment,
    city,
    state,
    country,
    registration_date,
    first_order_date,
    last_order_date,
    total_orders,
    lifetime_value,
    unique_products
)
select
    customer.customer_id,
    customer.full_name,
    customer.customer_segment,
    customer.city,
    customer.state,
    customer.country,
    customer.registration_date,
    new_customer.first_order_date,
    new_customer.last_order_date,
    new_customer.total_orders,
    new_customer.lifetime_value,
    new_customer.unique_products
from new_customer
inner join dimensions.dim_customer as customer
    on
        new_customer.customer_id = customer.customer_id
        and customer.is_current
        and customer.customer_key <> -1;

-- Products ---------------------------------------------------------------------------------------------------------
create temp table product_change distkey (product_id) as
with lines as (
    select
        product_id,
        sum(change * cast(quantity as bigint)) as units_sold,
        sum(change * line_total) as total_revenue,
        sum(case when gross_profit is not null then change else 0 end) as costed_lines,
        sum(case when gross_profit is not null then change * line_total else 0 end) as costed_revenue,
        sum(change * coalesce(gross_profit, 0)) as gross_profit,
        sum(case when quantity > 0 then change * cast(quantity as bigint) else 0 end) as units_gross,
        sum(case when quantity < 0 then -change * cast(quantity as bigint) else 0 end) as units_returned
    from line_change
    group by product_id
),

buyers as (
    select
        product_id,
        sum(orders_change) as orders,
        sum(case when customer_id is not null then pairs_change else 0 end) as customers
    from product_customer_change
    group by product_id
),

touched as (
    select key_value as product_id
    from history.pending_key
    where entity = 'agg_product'
    union
    select product_id
    from lines
)

select
    touched.product_id,
    coalesce(lines.units_sold, 0) as units_sold,
    coalesce(lines.total_revenue, 0) as total_revenue,
    coalesce(lines.costed_lines, 0) as costed_lines,
    coalesce(lines.costed_revenue, 0) as costed_revenue,
    coalesce(lines.gross_profit, 0) as gross_profit,
    coalesce(buyers.orders, 0) as orders,
    coalesce(buyers.customers, 0) as customers,
    coalesce(lines.units_gross, 0) as units_gross,
    coalesce(lines.units_returned, 0) as units_returned
from touched
left join lines on touched.product_id = lines.product_id
left join buyers on touched.product_id = buyers.product_id;

create temp table new_product distkey (product_id) as
select
    product_change.product_id,
    product_change.units_sold + coalesce(published.units_sold, 0) as units_sold,
    product_change.total_revenue + coalesce(published.total_revenue, 0) as total_revenue,
    product_change.costed_lines + coalesce(published.costed_lines, 0) as costed_lines,
    product_change.costed_revenue + coalesce(published.costed_revenue, 0) as costed_revenue,
    product_change.gross_profit + coalesce(published.gross_profit, 0) as gross_profit,
    product_change.orders + coalesce(published.orders, 0) as orders,
    product_change.customers + coalesce(published.customers, 0) as customers,
    product_change.units_gross + coalesce(published.units_gross, 0) as units_gross,
    product_change.units_returned + coalesce(published.units_returned, 0) as units_returned
from product_change
left join analytics.agg_product as published on product_change.product_id = published.product_id;

delete from analytics.agg_product
using product_change
where agg_product.product_id = product_change.product_id;

insert into analytics.agg_product (
    product_id,
    product_name,
    category_name,
    brand,
    price,
    cost,
    units_sold,
    total_revenue,
    costed_lines,
    costed_revenue,
    gross_profit,
    orders,
    customers,
    units_gross,
    units_returned
)
select
    product.product_id,
    product.product_name,
    product.category_name,
    product.brand,
    product.price,
    product.cost,
    new_product.units_sold,
    new_product.total_revenue,
    new_product.costed_lines,
    new_product.costed_revenue,
    new_product.gross_profit,
    new_product.orders,
    new_product.customers,
    new_product.units_gross,
    new_product.units_returned
from new_product
inner join dimensions.dim_product as product
    on
        new_product.product_id = product.product_id
        and product.is_current
        and product.product_key <> -1;

-- Places -----------------------------------------------------------------------------------------------------------
create temp table new_geography as
select
    changes.geography_key,
    sum(changes.total_customers) as total_customers,
    sum(changes.total_orders) as total_orders,
    sum(changes.total_revenue) as total_revenue
from (
    select
        geography_key,
        0 as total_customers,
        change as total_orders,
        revenue as total_revenue
    from order_change
    union all
    select
        geography_key,
        case when old_orders + orders_change > 0 then 1 else 0 end
        - case when old_orders > 0 then 1 else 0 end as total_customers,
        0 as total_orders,
        0 as total_revenue
    from geography_customer_change
    union all
    select
        places.geography_key,
        places.total_customers,
        places.total_orders,
        places.total_revenue
    from analytics.agg_geography as places
    where places.geography_key in (select order_change.geography_key from order_change)
) as changes
group by changes.geography_key;

delete from analytics.agg_geography
using new_geography
where agg_geography.geography_key = new_geography.geography_key;

insert into analytics.agg_geography (
    geography_key, country, state, city, total_customers, total_orders, total_revenue
)
select
    place.geography_key,
    place.country,
    place.state,
    place.city,
    new_geography.total_customers,
    new_geography.total_orders,
    new_geography.total_revenue
from new_geography
inner join dimensions.dim_geography as place on new_geography.geography_key = place.geography_key
where new_geography.total_orders <> 0;

-- Web events -------------------------------------------------------------------------------------------------------
create temp table touched_event_day as
select distinct event_date
from history.pending_event_day;

delete from analytics.agg_funnel_day
using touched_event_day
where agg_funnel_day.event_date = touched_event_day.event_date;

insert into analytics.agg_funnel_day (
    event_date,
    events,
    sessions,
    sessions_with_view,
    sessions_with_cart,
    sessions_with_checkout,
    sessions_with_purchase
)
select
    events.event_date,
    count(*) as events,
    count(distinct events.session_id) as sessions,
    count(
        distinct case when events.event_type in ('page_view', 'product_view', 'view') then events.session_id end
    ) as sessions_with_view,
    count(distinct case when events.event_type = 'add_to_cart' then events.session_id end)
        as sessions_with_cart,
    count(distinct case when events.event_type in ('checkout', 'begin_checkout') then events.session_id end)
        as sessions_with_checkout,
    count(distinct case when events.event_type = 'purchase' then events.session_id end)
        as sessions_with_purchase
from facts.fact_web_events as events
inner join touched_event_day on events.event_date = touched_event_day.event_date
group by events.event_date;

-- guard: aggregates disagree on revenue, so they are not those of the facts; run maintenance/rebuild_analytics.sql
with by_day as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_day
),

by_month as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_month
),

by_place as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_geography
),

by_product as (
    select coalesce(sum(total_revenue), 0) as revenue
    from analytics.agg_product
)

select
    by_day.revenue as day_revenue,
    by_month.revenue as month_revenue,
    by_place.revenue as place_revenue,
    by_product.revenue as product_revenue
from by_day
cross join by_month
cross join by_place
cross join by_product
where
    by_day.revenue <> by_month.revenue
    or by_day.revenue <> by_place.revenue
    or by_day.revenue <> by_product.revenue;

-- The flip ---------------------------------------------------------------------------------------------------------
delete from history.pending_key
where entity in ('agg_order', 'agg_customer', 'agg_product', 'agg_all');
delete from history.published_line;
delete from history.pending_event_day;

update quality.load_runs
set published_at = getdate()
where published_at is null;

update analytics.published
set published_day = (
    select max(load_runs.end_date)
    from quality.load_runs
);

update quality.warehouse_state
set
    published_day = (select published.published_day from analytics.published),
    published_at = getdate(),
    published_run_id = '{{ load.run_key }}';
