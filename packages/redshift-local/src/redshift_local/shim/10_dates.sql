-- Dates and times as Redshift documents them. One function per date part, each a single expression, so that
-- PostgreSQL inlines it and a call costs what the expression costs.

create or replace function redshift_shim.getdate() returns timestamp
language sql stable as $$ select date_trunc('second', statement_timestamp()::timestamp) $$;

create or replace function redshift_shim.sysdate() returns timestamp
language sql stable as $$ select transaction_timestamp()::timestamp $$;

do $body$
declare
    part record;
    kind text;
    result text;
begin
    for part in
        select * from (values
            ('microsecond', 'interval ''1 microsecond'''), ('millisecond', 'interval ''1 millisecond'''),
            ('second', 'interval ''1 second'''), ('minute', 'interval ''1 minute'''),
            ('hour', 'interval ''1 hour'''), ('day', 'interval ''1 day'''), ('week', 'interval ''7 days'''),
            ('month', 'interval ''1 month'''), ('quarter', 'interval ''3 months'''),
            ('year', 'interval ''1 year'''), ('decade', 'interval ''10 years'''),
            ('century', 'interval ''100 years'''), ('millennium', 'interval ''1000 years''')
        ) as parts (name, step)
    loop
        foreach kind in array array['date', 'timestamp', 'timestamptz', 'time'] loop
            result := case kind when 'date' then 'timestamp' else kind end;
            execute format(
                'create or replace function redshift_shim.dateadd_%s(bigint, %s) returns %s '
                'language sql %s strict as %L',
                part.name, kind, result, case kind when 'timestamptz' then 'stable' else 'immutable' end,
                format(
                    case
                        -- February 29 plus a year is March 1; plus twelve months it is February 28.
                        when part.name in ('year', 'decade', 'century', 'millennium') and kind <> 'time' then
                            'select ($2 + $1::float8 * %1$s + case when extract(day from $2) = 29 '
                            'and extract(day from $2 + $1::float8 * %1$s) = 28 then 1 else 0 end * interval ''1 day'')::%2$s'
                        else 'select ($2 + $1::float8 * %1$s)::%2$s'
                    end,
                    part.step, result
                )
            );
        end loop;
    end loop;

    -- Boundaries crossed: the difference of the ordinal numbers of the periods that the two moments lie in.
    for part in
        select * from (values
            ('microsecond', '(extract(epoch from %s) * 1000000)::bigint'),
            ('millisecond', 'floor(extract(epoch from %s) * 1000)::bigint'),
            ('second', 'floor(extract(epoch from %s))::bigint'),
            ('minute', 'floor(extract(epoch from %s) / 60)::bigint'),
            ('hour', 'floor(extract(epoch from %s) / 3600)::bigint')
        ) as parts (name, ordinal)
    loop
        foreach kind in array array['date', 'timestamp', 'timestamptz', 'time'] loop
            execute format(
                'create or replace function redshift_shim.datediff_%s(%s, %s) returns bigint '
                'language sql %s strict as %L',
                part.name, kind, kind, case kind when 'timestamptz' then 'stable' else 'immutable' end,
                format('select %s - %s', format(part.ordinal, '$2'), format(part.ordinal, '$1'))
            );
        end loop;
    end loop;
    for part in
        select * from (values
            ('day', '(%s::date - date ''0001-01-01'')::bigint'),
            -- weeks begin on Sunday; 0001-01-01 was a Monday
            ('week', 'floor((%s::date - date ''0001-01-01'' + 1) / 7.0)::bigint'),
            ('month', '(extract(year from %1$s) * 12 + extract(month from %1$s))::bigint'),
            ('quarter', '(extract(year from %1$s) * 4 + extract(quarter from %1$s))::bigint'),
            ('year', 'extract(year from %s)::bigint'),
            ('decade', 'extract(decade from %s)::bigint'),
            ('century', 'extract(century from %s)::bigint'),
            ('millennium', 'extract(millennium from %s)::bigint')
        ) as parts (name, ordinal)
    loop
        foreach kind in array array['date', 'timestamp', 'timestamptz'] loop
            execute format(
                'create or replace function redshift_shim.datediff_%s(%s, %s) returns bigint '
                'language sql %s strict as %L',
                part.name, kind, kind, case kind when 'timestamptz' then 'stable' else 'immutable' end,
                format('select %s - %s', format(part.ordinal, '$2'), format(part.ordinal, '$1'))
            );
        end loop;
    end loop;

    -- EXTRACT gives whole numbers of the part alone; DATE_PART gives double precision.
    for part in
        select * from (values
            ('microsecond', '(extract(microseconds from $1)::bigint %% 1000000)'),
            ('millisecond', '(floor(extract(milliseconds from $1))::bigint %% 1000)'),
            ('second', 'floor(extract(second from $1))'), ('epoch', 'floor(extract(epoch from $1))'),
            ('minute', 'extract(minute from $1)'), ('hour', 'extract(hour from $1)'),
            ('day', 'extract(day from $1)'), ('dow', 'extract(dow from $1)'), ('doy', 'extract(doy from $1)'),
            ('week', 'extract(week from $1)'), ('month', 'extract(month from $1)'),
            ('quarter', 'extract(quarter from $1)'), ('year', 'extract(year from $1)'),
            ('decade', 'floor(extract(year from $1) / 10) + 1'), ('century', 'extract(century from $1)'),
            ('millennium', 'extract(millennium from $1)'),
            ('timezone', 'extract(timezone from $1)'), ('timezone_hour', 'extract(timezone_hour from $1)'),
            ('timezone_minute', 'extract(timezone_minute from $1)')
        ) as parts (name, value)
    loop
        foreach kind in array array['date', 'timestamp', 'timestamptz', 'time', 'interval'] loop
            continue when part.name like 'timezone%' and kind <> 'timestamptz';
            continue when kind = 'time' and part.name not in
                ('microsecond', 'millisecond', 'second', 'minute', 'hour', 'epoch');
            continue when kind = 'interval' and part.name in ('dow', 'doy', 'week');
            continue when kind = 'date' and part.name in
                ('microsecond', 'millisecond', 'second', 'minute', 'hour');
            execute format(
                'create or replace function redshift_shim.extract_%s(%s) returns %s '
                'language sql %s strict as %L',
                part.name, kind,
                case when part.name = 'epoch' then 'bigint' else 'integer' end,
                case kind when 'timestamptz' then 'stable' else 'immutable' end,
                format('select (%s)::%s', format(part.value),
                    case when part.name = 'epoch' then 'bigint' else 'integer' end)
            );
        end loop;
    end loop;
    -- A moment given as a date has no hours; Redshift reads it as midnight.
    for part in select unnest(array['microsecond', 'millisecond', 'second', 'minute', 'hour']) as name loop
        execute format(
            'create or replace function redshift_shim.extract_%s(date) returns integer '
            'language sql immutable strict as ''select 0''', part.name
        );
    end loop;
end
$body$;

create or replace function redshift_shim.trunc(timestamp) returns date
language sql immutable strict as $$ select $1::date $$;

create or replace function redshift_shim.trunc(date) returns date
language sql immutable strict as $$ select $1 $$;

create or replace function redshift_shim.last_day(date) returns date
language sql immutable strict as $$ select (date_trunc('month', $1::timestamp) + interval '1 month - 1 day')::date $$;

create or replace function redshift_shim.last_day(timestamp) returns date
language sql immutable strict as $$ select (date_trunc('month', $1) + interval '1 month - 1 day')::date $$;

-- The last day of a month stays the last day: that is where ADD_MONTHS and DATEADD(month) differ.
create or replace function redshift_shim.add_months(timestamp, bigint) returns timestamp
language sql immutable strict as $$
    select case
        when $1::date = redshift_shim.last_day($1)
        then redshift_shim.last_day($1 + $2::float8 * interval '1 month') + $1::time
        else $1 + $2::float8 * interval '1 month'
    end
$$;

create or replace function redshift_shim.add_months(date, bigint) returns timestamp
language sql immutable strict as $$ select redshift_shim.add_months($1::timestamp, $2) $$;

create or replace function redshift_shim.months_between(timestamp, timestamp) returns double precision
language sql immutable strict as $$
    select case
        when
            extract(day from $1) = extract(day from $2)
            or ($1::date = redshift_shim.last_day($1) and $2::date = redshift_shim.last_day($2))
        then redshift_shim.datediff_month($2, $1)::double precision
        else
            redshift_shim.datediff_month($2, $1)
            + (
                extract(day from $1) - extract(day from $2)
                + extract(epoch from $1::time - $2::time) / 86400.0
            )::double precision / 31
    end
$$;

create or replace function redshift_shim.months_between(date, date) returns double precision
language sql immutable strict as $$ select redshift_shim.months_between($1::timestamp, $2::timestamp) $$;

create or replace function redshift_shim.next_day(timestamp, text) returns date
language plpgsql immutable strict as $$
declare
    names text[] := array['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
    wanted int;
begin
    select min(number) into wanted
    from unnest(names) with ordinality as days (name, number)
    where length($2) >= 2 and name like lower($2) || '%';
    if wanted is null then
        raise exception 'Invalid day of week: %', $2 using errcode = '22023';
    end if;
    return $1::date + 1 + ((wanted - 1 - extract(dow from $1)::int - 1 + 14) % 7);
end
$$;

create or replace function redshift_shim.next_day(date, text) returns date
language sql immutable strict as $$ select redshift_shim.next_day($1::timestamp, $2) $$;

create or replace function redshift_shim.date_part_year(date) returns integer
language sql immutable strict as $$ select extract(year from $1)::integer $$;

create or replace function redshift_shim.date_cmp(date, date) returns integer
language sql immutable strict as $$ select case when $1 < $2 then -1 when $1 > $2 then 1 else 0 end $$;

create or replace function redshift_shim.timestamp_cmp(timestamp, timestamp) returns integer
language sql immutable strict as $$ select case when $1 < $2 then -1 when $1 > $2 then 1 else 0 end $$;

create or replace function redshift_shim.convert_timezone(text, text, timestamp) returns timestamp
language sql stable strict as $$ select $3 at time zone $1 at time zone $2 $$;

create or replace function redshift_shim.convert_timezone(text, timestamp) returns timestamp
language sql stable strict as $$ select $2 at time zone 'UTC' at time zone $1 $$;

create or replace function redshift_shim.convert_timezone(text, timestamptz) returns timestamp
language sql stable strict as $$ select $2 at time zone $1 $$;

-- PostgreSQL would read a date as a moment with time zone.
create or replace function redshift_shim.date_trunc(text, date) returns timestamp
language sql immutable strict as $$ select pg_catalog.date_trunc($1, $2::timestamp) $$;

-- DATE_PART gives the part alone, and the first decade is that of the years 1 to 9.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
do $body$
declare
    part record;
    kind text;
begin
    for part in
        select * from (values
            ('microsecond', 'extract(microseconds from $1)::bigint %% 1000000'),
            ('millisecond', 'floor(extract(milliseconds from $1))::bigint %% 1000'),
            ('decade', 'floor(extract(year from $1) / 10) + 1')
        ) as parts (name, value)
    loop
        foreach kind in array array['timestamp', 'timestamptz', 'time', 'interval'] loop
            continue when kind in ('time', 'interval') and part.name = 'decade';
            execute format(
                'create or replace function redshift_shim.date_part_%s(%s) returns double precision '
                'language sql %s strict as %L',
                part.name, kind, case kind when 'timestamptz' then 'stable' else 'immutable' end,
                format('select (%s)::double precision', format(part.value))
            );
        end loop;
    end loop;
end
$body$;
