-- days_of_supply = stock / (units sold in the 28 days up to and including the day / 28); null when nothing was sold.
create table if not exists facts.fact_inventory (
    snapshot_date date not null,
    snapshot_date_key integer not null,
    product_key bigint not null,
    product_id varchar(64) not null,
    stock_quantity integer not null,
    units_sold_28d bigint not null,
    days_of_supply decimal(18, 2),
    primary key (product_id, snapshot_date),
    foreign key (product_key) references dimensions.dim_product (product_key)
)
distkey (product_id)
sortkey (snapshot_date);
