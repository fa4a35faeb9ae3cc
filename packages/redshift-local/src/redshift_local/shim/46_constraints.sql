-- Primary, unique and foreign keys stand in PostgreSQL's catalog, where clients look for them, and are not enforced.
-- https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
-- PostgreSQL has no such keys, so the rows are written into its catalog. A primary key needs an index there: one that
-- holds no row and is found by no query. It is deferrable, because a query may leave columns out of GROUP BY otherwise.

-- Runs as the shim's owner, and only for the table's own owner.
create or replace function redshift_shim.declare_constraint(
    target regclass, kind "char", columns text[], wanted text, other regclass, referenced_columns text[]
) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    entry oid := pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index');
    index oid := 0;
    keys int2[];
    other_keys int2[];
    title text;
    number int := 0;
    space oid;
begin
    if current_setting('server_version_num')::int < 180000 or not exists (
        select from pg_class where oid = target and relkind = 'r' and pg_has_role(session_user, relowner, 'usage')
    ) then
        return;
    end if;
    select relnamespace into space from pg_class where oid = target;
    keys := redshift_shim.attribute_numbers(target, columns);
    if exists (
        select from pg_constraint where conrelid = target and contype = kind and (kind = 'p' or conkey = keys)
    ) then
        return;
    end if;
    if kind = 'f' then
        if cardinality(referenced_columns) = 0 then
            select conkey into other_keys from pg_constraint where conrelid = other and contype = 'p';
        else
            other_keys := redshift_shim.attribute_numbers(other, referenced_columns);
        end if;
    end if;
    loop
        title := coalesce(
            wanted,
            left((select relname from pg_class where oid = target), 48)
            || case kind when 'p' then '' else '_' || left(columns[1], 8) end
            || case kind when 'p' then '_pkey' when 'u' then '_key' else '_fkey' end
            || case when number > 0 then number::text else '' end
        );
        exit when wanted is not null or not exists (
            select from pg_constraint where conrelid = target and conname = title
        ) and not exists (select from pg_class where relname = title and relnamespace = space);
        number := number + 1;
    end loop;
    if kind in ('p', 'u') then
        execute format(
            'create index %I on %s (%s) where false', title, target,
            (select string_agg(quote_ident(name), ', ' order by place) from unnest(columns) with ordinality as c (name, place))
        );
        select oid into index from pg_class where relname = title and relnamespace = space;
        update pg_index set indisprimary = (kind = 'p') where indexrelid = index;
    end if;
    insert into pg_constraint (
        oid, conname, connamespace, contype, condeferrable, condeferred, conenforced, convalidated, conrelid,
        contypid, conindid, conparentid, confrelid, confupdtype, confdeltype, confmatchtype, conislocal, coninhcount,
        connoinherit, conperiod, conkey, confkey, conpfeqop, conppeqop, conffeqop
    )
    values (
        entry, title, space, kind, kind <> 'f', false, false, true, target,
        0, index, 0, coalesce(other, 0), case kind when 'f' then 'a' else ' ' end, case kind when 'f' then 'a' else ' ' end,
        case kind when 'f' then 's' else ' ' end, true, 0,
        true, false, keys, other_keys,
        case kind when 'f' then array_fill(0::oid, array[cardinality(keys)]) end,
        case kind when 'f' then array_fill(0::oid, array[cardinality(keys)]) end,
        case kind when 'f' then array_fill(0::oid, array[cardinality(keys)]) end
    );
    insert into pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    select 'pg_constraint'::regclass, entry, 0, 'pg_class'::regclass, target, key, 'a' from unnest(keys) as key
    union all
    select 'pg_constraint'::regclass, entry, 0, 'pg_class'::regclass, other, key, 'a' from unnest(other_keys) as key
    union all
    select 'pg_class'::regclass, index, 0, 'pg_constraint'::regclass, entry, 0, 'i' where index > 0;
end
$$;

create or replace function redshift_shim.attribute_numbers(relation regclass, columns text[]) returns int2[]
language plpgsql set search_path = pg_catalog as $$
declare
    found int2[];
    missing text;
begin
    select array_agg(attnum order by place), min(name) filter (where attnum is null) into found, missing
    from unnest(columns) with ordinality as wanted (name, place)
    left join pg_attribute on attrelid = relation and attname = name and not attisdropped;
    if missing is not null then
        raise exception 'column "%" named in key does not exist', missing using errcode = '42703';
    end if;
    return found;
end
$$;

create or replace function redshift_shim.check_not_null(relation regclass, columns text[]) returns void
language plpgsql set search_path = pg_catalog as $$
declare
    nullable text;
begin
    select attname into nullable from pg_attribute
    where attrelid = $1 and attname = any(columns) and not attnotnull and not attisdropped;
    if nullable is not null then
        raise exception 'cannot add a primary key on the nullable column "%"', nullable using errcode = '42P16';
    end if;
end
$$;

-- What ALTER COLUMN TYPE may not change: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
create or replace function redshift_shim.check_resizable(relation regclass, named text) returns void
language plpgsql set search_path = pg_catalog as $$
begin
    if exists (select from pg_attribute where attrelid = $1 and attname = named and atthasdef) then
        raise exception 'cannot alter type of a column "%" with a default value', named using errcode = '0A000';
    end if;
    if exists (
        select from pg_constraint inner join pg_attribute on attrelid = conrelid and attnum = any(conkey)
        where conrelid = $1 and attname = named and contype in ('p', 'u', 'f')
    ) then
        raise exception 'cannot alter type of a column "%" that a key is declared on', named using errcode = '0A000';
    end if;
end
$$;

-- CREATE OR REPLACE VIEW keeps names and types: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
create or replace function redshift_shim.view_columns(relation regclass) returns text
language sql stable set search_path = pg_catalog as $$
    select string_agg(attname || ' ' || format_type(atttypid, null), ', ' order by attnum)
    from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped
$$;

create or replace function redshift_shim.keep_view(relation regclass) returns text
language sql volatile as $$
    select set_config('redshift_shim.replaced_view', coalesce(redshift_shim.view_columns($1), ''), true)
$$;

create or replace function redshift_shim.check_view(relation regclass) returns void
language plpgsql as $$
declare
    before text := pg_catalog.current_setting('redshift_shim.replaced_view', true);
begin
    if before <> '' and before <> redshift_shim.view_columns($1) then
        raise exception 'cannot change the columns of view "%"', $1 using errcode = '42P16',
            detail = format('They are %s; a view is replaced by a query with the same columns.', before);
    end if;
end
$$;

-- Tables of an earlier version have their primary key noted only.
select redshift_shim.declare_constraint(relation::regclass, 'p', primary_key, null, null, '{}')
from redshift_shim.table_design
where cardinality(primary_key) > 0;
