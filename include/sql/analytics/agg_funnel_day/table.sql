create table if not exists analytics.agg_funnel_day (
    event_date date not null,
    events bigint not null,
    sessions bigint not null,
    sessions_with_view bigint not null,
    sessions_with_cart bigint not null,
    sessions_with_checkout bigint not null,
    sessions_with_purchase bigint not null,
    primary key (event_date)
)
diststyle all
sortkey (event_date);
