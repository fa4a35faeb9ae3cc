-- Text, hashes, regular expressions and JSON as Redshift documents them. No body has a backslash: it is read with the
-- session's setting, where a backslash escapes.

-- The path as the session set it, without what the endpoint adds.
create or replace function redshift_shim.current_schemas(boolean) returns name[]
language sql stable strict as $$ 
    select case when $1 then array['pg_catalog'::name] else '{}' end
        || array_remove(array_remove(pg_catalog.current_schemas($1), 'redshift_shim'), 'pg_catalog')
$$;

create or replace function redshift_shim.current_setting(text) returns text
language sql stable strict as $$
    select case lower($1)
        when 'search_path' then replace(pg_catalog.current_setting($1), ', redshift_shim, pg_catalog', '')
        when 'server_version' then '8.0.2'
        else pg_catalog.current_setting($1)
    end
$$;

create or replace function redshift_shim.len(text) returns integer
language sql immutable strict as $$ select length($1) $$;

create or replace function redshift_shim.charindex(text, text) returns integer
language sql immutable strict as $$ select strpos($2, $1) $$;

create or replace function redshift_shim.replicate(text, integer) returns text
language sql immutable strict as $$ select repeat($1, $2) $$;

create or replace function redshift_shim.concat2(text, text) returns text
language sql immutable as $$ select $1 || $2 $$;

create or replace function redshift_shim.strtol_any(text, integer) returns bigint
language plpgsql immutable strict as $$
declare
    digits text := lower(ltrim($1));
    negative boolean := digits like '-%';
    total numeric := 0;
    digit int;
begin
    if $2 not between 2 and 36 then
        raise exception 'invalid base: %', $2 using errcode = '22023';
    end if;
    digits := ltrim(digits, '+-');
    if $2 = 16 and digits like '0x%' then
        digits := substr(digits, 3);
    end if;
    for place in 1 .. length(digits) loop
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(digits, place, 1)) - 1;
        if digit < 0 or digit >= $2 then
            raise exception 'The input % is not valid to be converted to base %', $1, $2 using errcode = '22023';
        end if;
        total := total * $2 + digit;
    end loop;
    if negative then
        total := -total;
    end if;
    if total not between -9223372036854775808 and 9223372036854775807 then
        raise exception 'The input % is out of range', $1 using errcode = '22003';
    end if;
    return total::bigint;
end
$$;

-- Surrogate keys are made of it, so the common case is an expression that PostgreSQL inlines.
-- Not strict, so that PostgreSQL writes it into the query in place of a call; null gives null all the same.
create or replace function redshift_shim.strtol(text, integer) returns bigint
language sql immutable as $$
    select case
        when $2 = 16 and $1 ~ '^[0-9a-fA-F]{1,15}$' then ('x' || lpad($1, 16, '0'))::bit(64)::bigint
        else redshift_shim.strtol_any($1, $2)
    end
$$;

-- Of up to 15 digits that are known to be hexadecimal.
create or replace function redshift_shim.strtol(text) returns bigint
language sql immutable as $$ select ('x' || lpad($1, 16, '0'))::bit(64)::bigint $$;

create or replace function redshift_shim.sha2(text, integer) returns text
language sql immutable strict as $$
    select case $2
        when 0 then encode(sha256(convert_to($1, 'UTF8')), 'hex')
        when 224 then encode(sha224(convert_to($1, 'UTF8')), 'hex')
        when 256 then encode(sha256(convert_to($1, 'UTF8')), 'hex')
        when 384 then encode(sha384(convert_to($1, 'UTF8')), 'hex')
        when 512 then encode(sha512(convert_to($1, 'UTF8')), 'hex')
    end
$$;

-- PostgreSQL has no SHA-1 of its own.
create or replace function redshift_shim.sha1(text) returns text
language plpgsql immutable strict as $$
declare
    mask constant bigint := 4294967295;
    data bytea := convert_to($1, 'UTF8');
    bits bigint := octet_length(data) * 8;
    h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; t bigint;
begin
    data := data || decode('80', 'hex');
    data := data || decode(repeat('00', (119 - octet_length(data) % 64 + 1) % 64), 'hex') || int8send(bits);
    for block in 0 .. octet_length(data) / 64 - 1 loop
        w := array_fill(0::bigint, array[80]);
        for i in 0 .. 15 loop
            w[i + 1] := (get_byte(data, block * 64 + i * 4)::bigint << 24)
                | (get_byte(data, block * 64 + i * 4 + 1)::bigint << 16)
                | (get_byte(data, block * 64 + i * 4 + 2)::bigint << 8)
                | get_byte(data, block * 64 + i * 4 + 3)::bigint;
        end loop;
        for i in 17 .. 80 loop
            t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := ((t << 1) | (t >> 31)) & mask;
        end loop;
        a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
        for i in 1 .. 80 loop
            if i <= 20 then f := (b & c) | ((mask - b) & d); k := 1518500249;
            elsif i <= 40 then f := b # c # d; k := 1859775393;
            elsif i <= 60 then f := (b & c) | (b & d) | (c & d); k := 2400959708;
            else f := b # c # d; k := 3395469782;
            end if;
            t := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := t;
        end loop;
        h := array[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
    end loop;
    return lpad(to_hex(h[1]), 8, '0') || lpad(to_hex(h[2]), 8, '0') || lpad(to_hex(h[3]), 8, '0')
        || lpad(to_hex(h[4]), 8, '0') || lpad(to_hex(h[5]), 8, '0');
end
$$;

create or replace function redshift_shim.func_sha1(text) returns text
language sql immutable strict as $$ select redshift_shim.sha1($1) $$;

create or replace function redshift_shim.sha(text) returns text
language sql immutable strict as $$ select redshift_shim.sha1($1) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/crc32-function.html: the polynomial is that of CRC-32C.
drop function if exists redshift_shim.crc32(text);

create function redshift_shim.crc32(text) returns text
language sql immutable strict as $$ select lpad(to_hex(crc32c(convert_to($1, 'UTF8'))), 8, '0') $$;

-- All matches are replaced; a replacement that refers to the match is refused by the dialect.
create or replace function redshift_shim.regexp_replace(text, text) returns text
language sql immutable strict as $$ select pg_catalog.regexp_replace($1, $2, '', 'g') $$;

create or replace function redshift_shim.regexp_replace(text, text, text) returns text
language sql immutable strict as $$ select pg_catalog.regexp_replace($1, $2, $3, 'g') $$;

create or replace function redshift_shim.regexp_replace(text, text, text, integer) returns text
language sql immutable strict as $$
    select left($1, $4 - 1) || pg_catalog.regexp_replace(substr($1, $4), $2, $3, 'g')
$$;

create or replace function redshift_shim.regexp_replace_with(text, text, text, integer, text) returns text
language sql immutable strict as $$
    select left($1, $4 - 1) || pg_catalog.regexp_replace(substr($1, $4), $2, $3, 'g' || $5)
$$;

-- No match is the empty string in Redshift, null in PostgreSQL.
create or replace function redshift_shim.regexp_substr(text, text) returns text
language sql immutable strict as $$ select coalesce(pg_catalog.regexp_substr($1, $2), '') $$;

create or replace function redshift_shim.regexp_substr(text, text, integer) returns text
language sql immutable strict as $$ select coalesce(pg_catalog.regexp_substr($1, $2, $3), '') $$;

create or replace function redshift_shim.regexp_substr(text, text, integer, integer) returns text
language sql immutable strict as $$ select coalesce(pg_catalog.regexp_substr($1, $2, $3, $4), '') $$;

create or replace function redshift_shim.regexp_substr(text, text, integer, integer, text) returns text
language sql immutable strict as $$
    select coalesce(
        pg_catalog.regexp_substr($1, $2, $3, $4, replace($5, 'e', ''), case when $5 like '%e%' then 1 else 0 end), ''
    )
$$;

create or replace function redshift_shim.json_parse(text) returns jsonb
language sql immutable strict as $$ select $1::jsonb $$;

create or replace function redshift_shim.can_json_parse(text) returns boolean
language sql immutable strict as $$ select pg_input_is_valid($1, 'jsonb') $$;

create or replace function redshift_shim.is_valid_json(text) returns boolean
language sql immutable strict as $$
    select coalesce(jsonb_typeof(cast(case when pg_input_is_valid($1, 'jsonb') then $1 end as jsonb)) = 'object', false)
$$;

create or replace function redshift_shim.is_valid_json_array(text) returns boolean
language sql immutable strict as $$
    select coalesce(jsonb_typeof(cast(case when pg_input_is_valid($1, 'jsonb') then $1 end as jsonb)) = 'array', false)
$$;

create or replace function redshift_shim.json_array_length(text) returns integer
language sql immutable strict as $$ select jsonb_array_length($1::jsonb) $$;

create or replace function redshift_shim.json_path(text, boolean, variadic text[]) returns text
language sql immutable strict as $$
    select case
        when array_position($3, null) is null
        then json_extract_path_text(
            cast(case when not $2 or pg_input_is_valid($1, 'json') then $1 end as json), variadic $3
        )
    end
$$;

create or replace function redshift_shim.json_extract_array_element_text(text, integer) returns text
language sql immutable strict as $$ select case when $2 >= 0 then $1::json ->> $2 end $$;

create or replace function redshift_shim.json_extract_array_element_text(text, integer, boolean) returns text
language sql immutable strict as $$
    select redshift_shim.json_extract_array_element_text(
        case when not $3 or pg_input_is_valid($1, 'json') then $1 end, $2
    )
$$;

-- JSON without white space. The pattern is made of parts, because a backslash would be read with the session's setting.
create or replace function redshift_shim.compact_json(jsonb) returns text
language sql immutable strict as $$
    select pg_catalog.regexp_replace(
        $1::text, '("([^"' || repeat(chr(92), 2) || ']|' || repeat(chr(92), 2) || '.)*")|([:,]) ',
        chr(92) || '1' || chr(92) || '3', 'g'
    )
$$;

-- An element of a SUPER array: there is none before the first one.
create or replace function redshift_shim.super_index(bigint) returns integer
language sql immutable strict as $$ select case when $1 >= 0 then $1::integer end $$;

create or replace function redshift_shim.super_index(text) returns text
language sql immutable strict as $$ select $1 $$;

-- VARBYTE is bytes of UTF-8 as text: https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
create or replace function redshift_shim.varbyte_text(bytea) returns text
language sql immutable strict as $$ select convert_from($1, 'UTF8') $$;

create or replace function redshift_shim.text_varbyte(text) returns bytea
language sql immutable strict as $$ select convert_to($1, 'UTF8') $$;

do $body$
begin
    if not exists (
        select from pg_catalog.pg_cast where castsource = 'bytea'::regtype and casttarget = 'text'::regtype
    ) then
        create cast (bytea as text) with function redshift_shim.varbyte_text(bytea);
        create cast (bytea as varchar) with function redshift_shim.varbyte_text(bytea);
        create cast (text as bytea) with function redshift_shim.text_varbyte(text) as assignment;
        create cast (varchar as bytea) with function redshift_shim.text_varbyte(text) as assignment;
    end if;
end
$body$;

-- A SUPER value as text: a string without its quotes.
create or replace function redshift_shim.super_text(jsonb) returns text
language sql immutable strict as $$ select $1 #>> '{}' $$;

create or replace function redshift_shim.listagg_limit(text) returns text
language plpgsql immutable strict as $$
begin
    if octet_length($1) > 65535 then
        raise exception 'Result size exceeds LISTAGG limit' using errcode = '54000';
    end if;
    return $1;
end
$$;

create or replace function redshift_shim.dexp(double precision) returns double precision
language sql immutable strict as $$ select exp($1) $$;

create or replace function redshift_shim.dlog1(double precision) returns double precision
language sql immutable strict as $$ select ln($1) $$;

create or replace function redshift_shim.dlog10(double precision) returns double precision
language sql immutable strict as $$ select log($1) $$;

create or replace function redshift_shim.version() returns text
language sql immutable as $$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), '
        'Redshift 1.0.local'
$$;

create or replace function redshift_shim.pg_last_copy_count() returns bigint
language sql volatile as $$ select coalesce(nullif(current_setting('redshift_shim.last_copy_count', true), ''), '0')::bigint $$;

create or replace function redshift_shim.pg_last_unload_count() returns bigint
language sql volatile as $$ select coalesce(nullif(current_setting('redshift_shim.last_unload_count', true), ''), '0')::bigint $$;

create or replace function redshift_shim.pg_last_copy_id() returns bigint
language sql volatile as $$ select coalesce(nullif(current_setting('redshift_shim.last_copy_id', true), ''), '-1')::bigint $$;

drop function if exists redshift_shim.pg_last_query_id();

-- ROUND and TRUNC to a number of digits keep the type of the value:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ROUND.html
do $body$
declare
    kind text;
    name text;
begin
    foreach name in array array['round', 'trunc'] loop
        execute format(
            'create or replace function redshift_shim.%1$s(double precision, integer) returns double precision '
            'language sql immutable strict as $$ select pg_catalog.%1$s($1::numeric, $2)::double precision $$', name
        );
        foreach kind in array array['smallint', 'integer', 'bigint'] loop
            execute format(
                'create or replace function redshift_shim.%1$s(%2$s, integer) returns numeric '
                'language sql immutable strict as $$ select pg_catalog.%1$s($1::numeric, $2) $$', name, kind
            );
        end loop;
    end loop;
end
$body$;
