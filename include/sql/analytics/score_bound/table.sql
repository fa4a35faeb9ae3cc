-- The least value of each score from 2 on. One row, so that a query of customer_360 compares instead of ranking all
-- customers.
create table if not exists analytics.score_bound (
    recency_2 date,
    recency_3 date,
    recency_4 date,
    recency_5 date,
    frequency_2 bigint,
    frequency_3 bigint,
    frequency_4 bigint,
    frequency_5 bigint,
    monetary_2 decimal(38, 4),
    monetary_3 decimal(38, 4),
    monetary_4 decimal(38, 4),
    monetary_5 decimal(38, 4)
)
diststyle all;

insert into analytics.score_bound (recency_2)
select cast(null as date) as recency_2
where not exists (select 1 from analytics.score_bound);
