create table if not exists analytics.agg_product (
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    brand varchar(255),
    price decimal(18, 4),
    cost decimal(18, 4),
    units_sold bigint not null,
    total_revenue decimal(38, 4) not null,
    costed_lines bigint not null,
    costed_revenue decimal(38, 4) not null,
    gross_profit decimal(38, 4) not null,
    orders bigint not null,
    customers bigint not null,
    units_gross bigint not null,
    units_returned bigint not null,
    primary key (product_id)
)
distkey (product_id);
