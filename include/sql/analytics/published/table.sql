-- Updated in the transaction of the refresh: readers see the last published day or the new one, never a mix.
create table if not exists analytics.published (
    published_day date
)
diststyle all;

insert into analytics.published (published_day)
select cast(null as date) as published_day
where not exists (select 1 from analytics.published);
