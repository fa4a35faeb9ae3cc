-- An aggregate gains the order's lines now minus these lines, so the cost is that of the change, not of the history.
create table if not exists history.published_line (
    order_id varchar(64) not null,
    order_item_id varchar(64) not null,
    order_date date not null,
    customer_id varchar(64),
    product_id varchar(64),
    geography_key bigint not null,
    quantity integer not null,
    line_total decimal(18, 4) not null,
    gross_profit decimal(38, 4),
    is_unsettled boolean,
    gross_sales decimal(19, 4),
    discounts decimal(19, 4),
    returns decimal(19, 4),
    refunds decimal(19, 4),
    taxes decimal(19, 4),
    shipping decimal(19, 4),
    cost decimal(38, 4)
)
distkey (order_id)
sortkey (order_date);
