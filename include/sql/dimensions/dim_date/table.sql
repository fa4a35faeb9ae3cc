-- Small, and joined by most queries: a copy on each node.
create table if not exists dimensions.dim_date (
    date_key integer not null,
    full_date date not null,
    day_of_week smallint not null,
    day_name varchar(9) not null,
    day_of_month smallint not null,
    day_of_year smallint not null,
    iso_week smallint not null,
    iso_year smallint not null,
    month_number smallint not null,
    month_name varchar(9) not null,
    quarter_number smallint not null,
    year_number smallint not null,
    fiscal_year smallint not null,
    fiscal_quarter smallint not null,
    fiscal_month smallint not null,
    is_weekend boolean not null,
    is_holiday boolean not null,
    holiday_name varchar(255),
    month_start date not null,
    month_end date not null,
    primary key (date_key)
)
diststyle all
sortkey (full_date);
