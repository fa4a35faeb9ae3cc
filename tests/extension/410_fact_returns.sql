-- Grain: one return of goods.
create table if not exists facts.fact_returns (
    return_id varchar(64) not null,
    order_item_id varchar(64) not null,
    returned_by varchar(64),
    returned_at timestamp not null,
    customer_key bigint not null,
    product_key bigint not null,
    quantity integer not null,
    refund_amount decimal(18, 4),
    reason varchar(255),
    primary key (return_id)
)
distkey (return_id)
sortkey (returned_at);

comment on column facts.fact_returns.return_id is 'natural key';
comment on column facts.fact_returns.order_item_id is 'line that came back';
comment on column facts.fact_returns.returned_by is 'natural key of the customer who sent the goods back';
comment on column facts.fact_returns.returned_at is 'when the goods arrived, UTC';
comment on column facts.fact_returns.customer_key is 'version of the customer as of the order; -1 for guests';
comment on column facts.fact_returns.product_key is 'version of the product as of the order';
comment on column facts.fact_returns.quantity is 'units that came back';
comment on column facts.fact_returns.refund_amount is 'amount refunded';
comment on column facts.fact_returns.reason is 'reason as the customer gave it';
