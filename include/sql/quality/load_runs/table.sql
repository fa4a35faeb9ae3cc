create table if not exists quality.load_runs (
    run_id varchar(250) not null,
    start_date date not null,
    end_date date not null,
    loaded_at timestamp not null,
    published_at timestamp,
    primary key (run_id)
)
diststyle all;
