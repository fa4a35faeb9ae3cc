-- Every transaction that changes history, dimensions or facts adds one to merge_seq.
create table if not exists quality.warehouse_state (
    merge_seq bigint not null,
    published_day date,
    published_at timestamp,
    published_run_id varchar(250)
)
diststyle all;

insert into quality.warehouse_state (merge_seq)
select 0 as merge_seq
where not exists (select 1 from quality.warehouse_state);
