-- Aggregates whose result type or form differs. Each can be used with OVER (PARTITION BY …) as well.

-- AVG of whole numbers is a truncated BIGINT.
create or replace function redshift_shim.avg_whole(bigint[]) returns bigint
language sql immutable strict as $$ select case when $1[1] > 0 then $1[2] / $1[1] end $$;

create or replace aggregate redshift_shim.avg(smallint) (
    sfunc = int2_avg_accum, stype = bigint[], finalfunc = redshift_shim.avg_whole,
    combinefunc = int4_avg_combine, initcond = '{0,0}', parallel = safe
);

create or replace aggregate redshift_shim.avg(integer) (
    sfunc = int4_avg_accum, stype = bigint[], finalfunc = redshift_shim.avg_whole,
    combinefunc = int4_avg_combine, initcond = '{0,0}', parallel = safe
);

create or replace function redshift_shim.avg_step(numeric[], numeric) returns numeric[]
language sql immutable strict as $$ select array[$1[1] + 1, $1[2] + $2] $$;

create or replace function redshift_shim.avg_step(numeric[], bigint) returns numeric[]
language sql immutable strict as $$ select array[$1[1] + 1, $1[2] + $2] $$;

create or replace function redshift_shim.avg_bigint(numeric[]) returns bigint
language sql immutable strict as $$ select case when $1[1] > 0 then trunc($1[2] / $1[1])::bigint end $$;

create or replace aggregate redshift_shim.avg(bigint) (
    sfunc = redshift_shim.avg_step, stype = numeric[], finalfunc = redshift_shim.avg_bigint,
    initcond = '{0,0}', parallel = safe
);

-- AVG of DECIMAL(p, s) is DECIMAL(38, s): the scale of the sum is the largest scale of its terms.
create or replace function redshift_shim.avg_decimal(numeric[]) returns numeric
language sql immutable strict as $$
    select case when $1[1] > 0 then trunc(div($1[2] * 10::numeric ^ scale($1[2]), $1[1]) / 10::numeric ^ scale($1[2]), scale($1[2])) end
$$;

create or replace aggregate redshift_shim.avg(numeric) (
    sfunc = redshift_shim.avg_step, stype = numeric[], finalfunc = redshift_shim.avg_decimal,
    initcond = '{0,0}', parallel = safe
);

-- MEDIAN and PERCENTILE_CONT: values between two rows are interpolated; decimals stay decimals.
create or replace function redshift_shim.percentile_value(numeric[], double precision, boolean) returns numeric
language sql immutable strict as $$
    select case
        when cardinality($1) > 0 then (
            select
                sorted.v[floor(place)::int + 1]
                + (sorted.v[ceil(place)::int + 1] - sorted.v[floor(place)::int + 1])
                * (place - floor(place))
            from
                (select array_agg(v order by case when $3 then -v else v end) as v from unnest($1) as v) as sorted,
                (select $2::numeric * (cardinality($1) - 1) as place) as row_number
        )
    end
$$;

create or replace function redshift_shim.collect(numeric[], numeric) returns numeric[]
language sql immutable as $$ select case when $2 is null then $1 else array_append($1, $2) end $$;

create or replace function redshift_shim.median_of(numeric[]) returns numeric
language sql immutable strict as $$ select redshift_shim.percentile_value($1, 0.5, false) $$;

create or replace aggregate redshift_shim.median(numeric) (
    sfunc = redshift_shim.collect, stype = numeric[], finalfunc = redshift_shim.median_of, initcond = '{}'
);

-- The fraction and the direction are kept in front of the values.
create or replace function redshift_shim.collect_for(numeric[], numeric, double precision, boolean) returns numeric[]
language sql immutable as $$
    select case
        when $2 is null then $1
        when cardinality($1) = 0 then array[$3::numeric, case when $4 then 1 else 0 end, $2]
        else array_append($1, $2)
    end
$$;

create or replace function redshift_shim.percentile_of(numeric[]) returns numeric
language sql immutable strict as $$
    select redshift_shim.percentile_value($1[3:], $1[1]::double precision, $1[2] = 1)
$$;

create or replace aggregate redshift_shim.percentile_cont_of(numeric, double precision, boolean) (
    sfunc = redshift_shim.collect_for, stype = numeric[], finalfunc = redshift_shim.percentile_of, initcond = '{}'
);

-- First and last value that is not null, within the window's frame.
create or replace function redshift_shim.keep_first(anyelement, anyelement) returns anyelement
language sql immutable strict as $$ select $1 $$;

create or replace function redshift_shim.keep_last(anyelement, anyelement) returns anyelement
language sql immutable strict as $$ select $2 $$;

create or replace aggregate redshift_shim.first_known(anyelement) (sfunc = redshift_shim.keep_first, stype = anyelement);

create or replace aggregate redshift_shim.last_known(anyelement) (sfunc = redshift_shim.keep_last, stype = anyelement);

create or replace function redshift_shim.median_of_float(numeric[]) returns double precision
language sql immutable strict as $$ select redshift_shim.median_of($1)::double precision $$;

create or replace function redshift_shim.percentile_of_float(numeric[]) returns double precision
language sql immutable strict as $$ select redshift_shim.percentile_of($1)::double precision $$;

-- Numbers of other types keep their own: whole numbers are decimals, floats stay floats.
do $body$
declare
    kind text;
begin
    foreach kind in array array['smallint', 'integer', 'bigint', 'double precision'] loop
        execute format(
            'create or replace function redshift_shim.collect(numeric[], %s) returns numeric[] '
            'language sql immutable as $$ select redshift_shim.collect($1, $2::numeric) $$', kind
        );
        execute format(
            'create or replace function redshift_shim.collect_for(numeric[], %s, double precision, boolean) '
            'returns numeric[] language sql immutable as $$ select redshift_shim.collect_for($1, $2::numeric, $3, $4) $$',
            kind
        );
        execute format(
            'create or replace aggregate redshift_shim.median(%s) (sfunc = redshift_shim.collect, stype = numeric[], '
            'finalfunc = redshift_shim.median_%s, initcond = ''{}'')',
            kind, case kind when 'double precision' then 'of_float' else 'of' end
        );
        execute format(
            'create or replace aggregate redshift_shim.percentile_cont_of(%s, double precision, boolean) '
            '(sfunc = redshift_shim.collect_for, stype = numeric[], finalfunc = redshift_shim.percentile_%s, '
            'initcond = ''{}'')',
            kind, case kind when 'double precision' then 'of_float' else 'of' end
        );
    end loop;
end
$body$;
