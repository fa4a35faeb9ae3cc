create table if not exists history.pending_event_day (
    event_date date not null
)
diststyle even
sortkey (event_date);
