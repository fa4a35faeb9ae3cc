-- Publishes: recomputes the aggregates of every touched key and the published day, in one transaction. Readers of
-- analytics.* see the last published day until this commits, and the new one from then on.
lock table history.pending_key;

-- guard: something was merged after the last passed audit; let that run finish, or clear this run from audit
select
    merge_seq,
    audited_seq
from quality.warehouse_state
where merge_seq <> audited_seq;

-- guard: another run has loaded days that are not merged yet; let it finish, or clear this run from merge_dimensions
select
    entity,
    count(*) as pending_keys
from history.pending_key
where entity in ('customer', 'product', 'sales_order', 'web_event')
group by entity;

-- Orders -------------------------------------------------------------------------------------------------------
create temp table touched_order distkey (order_id) as
select distinct key_value as order_id
from history.pending_key
where entity = 'agg_order';

analyze touched_order;

create temp table touched_line as
select distinct
    order_date,
    cast(date_trunc('month', order_date) as date) as month_start,
    customer_id,
    product_id,
    geography_key
from history.pending_line;

analyze touched_line;

delete from analytics.agg_order
using touched_order
where agg_order.order_id = touched_order.order_id;

insert into analytics.agg_order (
    order_id, customer_id, order_date, month_start, geography_key, has_revenue, units, revenue
)
select
    sales.order_id,
    max(sales.customer_id) as customer_id,
    max(sales.order_date) as order_date,
    cast(date_trunc('month', max(sales.order_date)) as date) as month_start,
    max(sales.geography_key) as geography_key,
    max(case when sales.is_revenue then 1 else 0 end) = 1 as has_revenue,
    sum(case when sales.is_revenue then sales.quantity else 0 end) as units,
    sum(case when sales.is_revenue then sales.line_total else 0 end) as revenue
from facts.fact_sales as sales
inner join touched_order on sales.order_id = touched_order.order_id
group by sales.order_id;

-- Customers ----------------------------------------------------------------------------------------------------
create temp table touched_customer distkey (customer_id) as
select key_value as customer_id
from history.pending_key
where entity = 'agg_customer'
union distinct
select customer_id
from touched_line
where customer_id is not null;

analyze touched_customer;

delete from analytics.agg_customer_month
using touched_customer
where agg_customer_month.customer_id = touched_customer.customer_id;

insert into analytics.agg_customer_month (customer_id, month_start, total_orders, revenue)
select
    orders.customer_id,
    orders.month_start,
    count(*) as total_orders,
    sum(orders.revenue) as revenue
from analytics.agg_order as orders
inner join touched_customer on orders.customer_id = touched_customer.customer_id
where orders.has_revenue
group by orders.customer_id, orders.month_start;

delete from analytics.agg_customer
using touched_customer
where agg_customer.customer_id = touched_customer.customer_id;

insert into analytics.agg_customer (
    customer_id, full_name, customer_segment, city, state, country, registration_date, first_order_date,
    last_order_date, total_orders, lifetime_value, unique_products
)
with ordered as (
    select
        orders.customer_id,
        min(orders.order_date) as first_order_date,
        max(orders.order_date) as last_order_date,
        count(*) as total_orders,
        sum(orders.revenue) as revenue
    from analytics.agg_order as orders
    inner join touched_customer on orders.customer_id = touched_customer.customer_id
    where orders.has_revenue
    group by orders.customer_id
),

bought as (
    select
        customer.customer_id,
        count(distinct sales.product_id) as unique_products
    from touched_customer
    inner join dimensions.dim_customer as customer on touched_customer.customer_id = customer.customer_id
    inner join facts.fact_sales as sales on customer.customer_key = sales.customer_key
    where sales.is_revenue
    group by customer.customer_id
)

select
    customer.customer_id,
    customer.full_name,
    customer.customer_segment,
    customer.city,
    customer.state,
    customer.country,
    customer.registration_date,
    ordered.first_order_date,
    ordered.last_order_date,
    coalesce(ordered.total_orders, 0) as total_orders,
    coalesce(ordered.revenue, 0) as lifetime_value,
    coalesce(bought.unique_products, 0) as unique_products
from touched_customer
inner join dimensions.dim_customer as customer
    on touched_customer.customer_id = customer.customer_id and customer.is_current
left join ordered on touched_customer.customer_id = ordered.customer_id
left join bought on touched_customer.customer_id = bought.customer_id;

-- Months -------------------------------------------------------------------------------------------------------
create temp table touched_month as
select distinct month_start
from touched_line;

delete from analytics.agg_month
where month_start in (select month_start from touched_month);

insert into analytics.agg_month (month_start, total_orders, unique_customers, units_sold, total_revenue)
select
    orders.month_start,
    count(*) as total_orders,
    count(distinct orders.customer_id) as unique_customers,
    sum(orders.units) as units_sold,
    sum(orders.revenue) as total_revenue
from analytics.agg_order as orders
inner join touched_month on orders.month_start = touched_month.month_start
where orders.has_revenue
group by orders.month_start;

-- Products: per month, since months add up; customers by counting pairs --------------------------------------------
create temp table touched_product_month distkey (product_id) as
select distinct
    product_id,
    month_start
from touched_line
where product_id is not null;

analyze touched_product_month;

delete from analytics.agg_product_month
using touched_product_month
where
    agg_product_month.product_id = touched_product_month.product_id
    and agg_product_month.month_start = touched_product_month.month_start;

insert into analytics.agg_product_month (
    product_id, month_start, units_sold, total_revenue, costed_revenue, gross_profit, orders, units_gross,
    units_returned
)
select
    sales.product_id,
    touched.month_start,
    sum(case when sales.is_revenue then sales.quantity else 0 end) as units_sold,
    sum(case when sales.is_revenue then sales.line_total else 0 end) as total_revenue,
    sum(case when sales.is_revenue and sales.unit_cost is not null then sales.line_total else 0 end)
        as costed_revenue,
    sum(case when sales.is_revenue then sales.gross_profit end) as gross_profit,
    count(distinct case when sales.is_revenue then sales.order_id end) as orders,
    sum(case when sales.is_revenue and sales.quantity > 0 then sales.quantity else 0 end) as units_gross,
    sum(case when sales.is_revenue and sales.quantity < 0 then -sales.quantity else 0 end) as units_returned
from facts.fact_sales as sales
inner join touched_month
    on sales.order_date >= touched_month.month_start and sales.order_date <= last_day(touched_month.month_start)
inner join touched_product_month as touched
    on sales.product_id = touched.product_id and touched_month.month_start = touched.month_start
group by sales.product_id, touched.month_start;

create temp table touched_product_customer distkey (product_id) as
select distinct
    product_id,
    customer_id
from touched_line
where product_id is not null and customer_id is not null;

analyze touched_product_customer;

delete from analytics.agg_product_customer
using touched_product_customer
where
    agg_product_customer.product_id = touched_product_customer.product_id
    and agg_product_customer.customer_id = touched_product_customer.customer_id;

insert into analytics.agg_product_customer (product_id, customer_id)
select distinct
    sales.product_id,
    sales.customer_id
from touched_customer
inner join dimensions.dim_customer as customer on touched_customer.customer_id = customer.customer_id
inner join facts.fact_sales as sales on customer.customer_key = sales.customer_key
inner join touched_product_customer as touched
    on sales.product_id = touched.product_id and sales.customer_id = touched.customer_id
where sales.is_revenue;

create temp table touched_product distkey (product_id) as
select key_value as product_id
from history.pending_key
where entity = 'agg_product'
union distinct
select product_id
from touched_product_month;

analyze touched_product;

delete from analytics.agg_product
using touched_product
where agg_product.product_id = touched_product.product_id;

insert into analytics.agg_product (
    product_id, product_name, category_name, brand, price, cost, units_sold, total_revenue, costed_revenue,
    gross_profit, orders, customers, units_gross, units_returned
)
with sold as (
    select
        months.product_id,
        sum(months.units_sold) as units_sold,
        sum(months.total_revenue) as total_revenue,
        sum(months.costed_revenue) as costed_revenue,
        sum(months.gross_profit) as gross_profit,
        sum(months.orders) as orders,
        sum(months.units_gross) as units_gross,
        sum(months.units_returned) as units_returned
    from analytics.agg_product_month as months
    inner join touched_product on months.product_id = touched_product.product_id
    group by months.product_id
),

buyers as (
    select
        pairs.product_id,
        count(*) as customers
    from analytics.agg_product_customer as pairs
    inner join touched_product on pairs.product_id = touched_product.product_id
    group by pairs.product_id
)

select
    product.product_id,
    product.product_name,
    product.category_name,
    product.brand,
    product.price,
    product.cost,
    coalesce(sold.units_sold, 0) as units_sold,
    coalesce(sold.total_revenue, 0) as total_revenue,
    coalesce(sold.costed_revenue, 0) as costed_revenue,
    sold.gross_profit,
    coalesce(sold.orders, 0) as orders,
    coalesce(buyers.customers, 0) as customers,
    coalesce(sold.units_gross, 0) as units_gross,
    coalesce(sold.units_returned, 0) as units_returned
from touched_product
inner join dimensions.dim_product as product
    on touched_product.product_id = product.product_id and product.is_current
left join sold on touched_product.product_id = sold.product_id
left join buyers on touched_product.product_id = buyers.product_id;

-- Places -------------------------------------------------------------------------------------------------------
create temp table touched_place_month as
select distinct
    geography_key,
    month_start
from touched_line;

delete from analytics.agg_geography_month
using touched_place_month
where
    agg_geography_month.geography_key = touched_place_month.geography_key
    and agg_geography_month.month_start = touched_place_month.month_start;

insert into analytics.agg_geography_month (geography_key, month_start, orders, total_revenue)
select
    orders.geography_key,
    orders.month_start,
    count(*) as orders,
    sum(orders.revenue) as total_revenue
from analytics.agg_order as orders
inner join touched_place_month as touched
    on orders.month_start = touched.month_start and orders.geography_key = touched.geography_key
where orders.has_revenue
group by orders.geography_key, orders.month_start;

create temp table touched_place_customer as
select distinct
    geography_key,
    customer_id
from touched_line
where customer_id is not null;

delete from analytics.agg_geography_customer
using touched_place_customer
where
    agg_geography_customer.geography_key = touched_place_customer.geography_key
    and agg_geography_customer.customer_id = touched_place_customer.customer_id;

insert into analytics.agg_geography_customer (geography_key, customer_id)
select distinct
    orders.geography_key,
    orders.customer_id
from analytics.agg_order as orders
inner join touched_place_customer as touched
    on orders.customer_id = touched.customer_id and orders.geography_key = touched.geography_key
where orders.has_revenue;

delete from analytics.agg_geography
where geography_key in (select geography_key from touched_place_month);

insert into analytics.agg_geography (
    geography_key, country, state, city, total_customers, total_orders, total_revenue
)
with touched_place as (
    select distinct geography_key
    from touched_place_month
),

sold as (
    select
        months.geography_key,
        sum(months.orders) as orders,
        sum(months.total_revenue) as total_revenue
    from analytics.agg_geography_month as months
    inner join touched_place on months.geography_key = touched_place.geography_key
    group by months.geography_key
),

buyers as (
    select
        pairs.geography_key,
        count(*) as customers
    from analytics.agg_geography_customer as pairs
    inner join touched_place on pairs.geography_key = touched_place.geography_key
    group by pairs.geography_key
)

select
    place.geography_key,
    place.country,
    place.state,
    place.city,
    coalesce(buyers.customers, 0) as total_customers,
    sold.orders as total_orders,
    sold.total_revenue
from sold
inner join dimensions.dim_geography as place on sold.geography_key = place.geography_key
left join buyers on sold.geography_key = buyers.geography_key;

-- Web events ---------------------------------------------------------------------------------------------------
create temp table touched_event_day as
select distinct event_date
from history.pending_event_day;

delete from analytics.agg_funnel_day
where event_date in (select event_date from touched_event_day);

insert into analytics.agg_funnel_day (
    event_date, events, sessions, sessions_with_view, sessions_with_cart, sessions_with_checkout,
    sessions_with_purchase
)
select
    events.event_date,
    count(*) as events,
    count(distinct events.session_id) as sessions,
    count(
        distinct case when events.event_type in ('page_view', 'product_view', 'view') then events.session_id end
    )
        as sessions_with_view,
    count(distinct case when events.event_type = 'add_to_cart' then events.session_id end)
        as sessions_with_cart,
    count(distinct case when events.event_type in ('checkout', 'begin_checkout') then events.session_id end)
        as sessions_with_checkout,
    count(distinct case when events.event_type = 'purchase' then events.session_id end)
        as sessions_with_purchase
from facts.fact_web_events as events
inner join touched_event_day on events.event_date = touched_event_day.event_date
group by events.event_date;

-- The flip -----------------------------------------------------------------------------------------------------
delete from history.pending_key
where entity in ('agg_order', 'agg_customer', 'agg_product');
delete from history.pending_line;
delete from history.pending_event_day;

update quality.load_runs
set published_at = getdate()
where published_at is null;

update analytics.published
set published_day = (
    select max(load_runs.end_date)
    from quality.load_runs
    where load_runs.published_at is not null
);

update quality.warehouse_state
set
    published_day = (select published.published_day from analytics.published),
    published_at = getdate(),
    published_run_id = '{{ load.run_key }}';
