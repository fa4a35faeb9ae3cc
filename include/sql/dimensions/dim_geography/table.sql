-- Small, and joined by most queries: a copy on each node.
create table if not exists dimensions.dim_geography (
    geography_key bigint not null,
    country varchar(255) not null,
    state varchar(255) not null,
    city varchar(255) not null,
    primary key (geography_key)
)
diststyle all
sortkey (country, state, city);
