-- Distributed by order, so that header, lines and allocation of an order meet on one node; sorted by order date, which
-- most analytics filter on. Foreign keys are declared for the planner and proven by the audits; Redshift does not
-- enforce them.
create table if not exists facts.fact_sales (
    order_item_id varchar(64) not null,
    order_id varchar(64) not null,
    order_date date not null,
    order_date_key integer not null,
    order_timestamp timestamp not null,
    customer_key bigint not null,
    customer_id varchar(64),
    product_key bigint not null,
    product_id varchar(64),
    geography_key bigint not null,
    order_status varchar(64),
    payment_method varchar(64),
    currency varchar(16),
    quantity integer not null,
    unit_price decimal(18, 4) not null,
    line_total decimal(18, 4) not null,
    tax_amount decimal(18, 4) not null,
    shipping_amount decimal(18, 4) not null,
    discount_amount decimal(18, 4) not null,
    unit_cost decimal(18, 4),
    gross_profit decimal(38, 4),
    is_revenue boolean not null,
    is_return boolean not null,
    delivery_date date not null,
    primary key (order_item_id),
    foreign key (customer_key) references dimensions.dim_customer (customer_key),
    foreign key (product_key) references dimensions.dim_product (product_key),
    foreign key (geography_key) references dimensions.dim_geography (geography_key)
)
distkey (order_id)
sortkey (order_date);
