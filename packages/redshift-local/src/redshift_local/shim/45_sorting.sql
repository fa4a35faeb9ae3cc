-- Access paths as Redshift has them: the lowest and highest value of each block on the leading sort column, and nothing
-- else. https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html
-- A distribution key, a primary key and a foreign key lead to no row:
-- https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html

-- The lowest and highest value of a block keep eight bytes of a text, so keys that begin alike are not told apart.
create or replace function redshift_shim.first_bytes(text) returns bytea
language sql immutable strict parallel safe as $$ select substr(convert_to($1, 'UTF8'), 1, 8) $$;

do $body$
declare
    part record;
begin
    for part in select * from (values
        ('lt', '<', '<#'), ('le', '<=', '<=#'), ('ge', '>=', '>=#'), ('gt', '>', '>#')
    ) as parts (name, sign, operator) loop
        execute format(
            'create or replace function redshift_shim.first_bytes_%s(text, text) returns boolean '
            'language sql immutable strict parallel safe as %L', part.name,
            format('select substr(convert_to($1, ''UTF8''), 1, 8) operator(pg_catalog.%s) '
                'substr(convert_to($2, ''UTF8''), 1, 8)', part.sign)
        );
        if to_regoperator(format('redshift_shim.%s(text, text)', part.operator)) is null then
            execute format(
                'create operator redshift_shim.%s (leftarg = text, rightarg = text, function = redshift_shim.first_bytes_%s)',
                part.operator, part.name
            );
        end if;
    end loop;
    -- An equality of texts is what PostgreSQL looks up; the block is judged by the other four.
    if not exists (select from pg_catalog.pg_opclass where opcname = 'first_bytes_minmax') then
        create operator class redshift_shim.first_bytes_minmax for type text using brin as
            operator 1 redshift_shim.<# (text, text), operator 2 redshift_shim.<=# (text, text),
            operator 3 pg_catalog.= (text, text),
            operator 4 redshift_shim.>=# (text, text), operator 5 redshift_shim.># (text, text),
            function 1 brin_minmax_opcinfo(internal), function 2 brin_minmax_add_value(internal, internal, internal, internal),
            function 3 brin_minmax_consistent(internal, internal, internal),
            function 4 brin_minmax_union(internal, internal, internal);
        -- What a block keeps of a VARCHAR is a text. The command cannot say so: it drops a storage type that is the type's own.
        update pg_catalog.pg_opclass set opckeytype = opcintype where opcname = 'first_bytes_minmax';
    end if;
end
$body$;

-- Keep the blocks' values of the leading sort column; those of an earlier sort key go.
create or replace function redshift_shim.sort_blocks(relation regclass) returns void
language plpgsql set search_path = pg_catalog as $$
declare
    sort_column text;
    kind oid;
    found record;
    class text;
begin
    select sortkeys[1] into sort_column from redshift_shim.table_design as design where design.relation = $1;
    for found in
        select class.oid::regclass as index, attribute.attname as sorted
        from pg_index
        inner join pg_class as class on pg_index.indexrelid = class.oid
        inner join pg_am on class.relam = pg_am.oid
        inner join pg_attribute as attribute on attribute.attrelid = $1 and attribute.attnum = pg_index.indkey[0]
        where pg_index.indrelid = $1 and pg_am.amname = 'brin'
    loop
        if found.sorted = sort_column then
            return;
        end if;
        execute format('drop index %s', found.index);
    end loop;
    select atttypid into kind from pg_attribute where attrelid = $1 and attname = sort_column and not attisdropped;
    if kind is null then
        return;
    end if;
    if kind in ('varchar'::regtype, 'text'::regtype) then
        class := 'redshift_shim.first_bytes_minmax';
    elsif exists (
        select from pg_opclass inner join pg_am on opcmethod = pg_am.oid
        where pg_am.amname = 'brin' and opcintype = kind and opcdefault and kind <> 'bpchar'::regtype
    ) then
        class := '';
    else
        return;
    end if;
    execute format(
        'create index %I on %s using brin (%I %s) with (autosummarize = on)',
        left((select relname from pg_class where oid = $1), 40) || '_' || $1::oid || '_blocks', $1, sort_column, class
    );
end
$$;

drop function if exists redshift_shim.summarize_blocks(text), redshift_shim.load_order(text, text[]);

-- Values of the blocks that were filled since. Redshift has them when the rows are there; who writes rows may not own
-- the table, so this runs as the shim's owner.
create or replace function redshift_shim.summarize_blocks(relation regclass) returns void
language sql security definer set search_path = pg_catalog as $$
    select brin_summarize_new_values(indexrelid)
    from pg_index inner join pg_class on indexrelid = pg_class.oid inner join pg_am on relam = pg_am.oid
    where indrelid = $1 and amname = 'brin'
$$;

-- Positions of a load's columns by which its rows are sorted; none where the leading sort column is not loaded.
create or replace function redshift_shim.load_order(relation regclass, columns text[]) returns text
language sql stable set search_path = pg_catalog as $$
    select string_agg(place::text, ', ' order by number)
    from (
        select number, place, bool_and(place is not null) over (order by number) as unbroken
        from (
            select
                keys.number,
                case
                    when cardinality(columns) > 0 then array_position(columns, keys.name)
                    else (
                        select count(*)::integer from pg_attribute
                        where attrelid = design.relation and attnum > 0 and not attisdropped and attnum <= sorted.attnum
                    )
                end as place
            from redshift_shim.table_design as design
            cross join unnest(design.sortkeys) with ordinality as keys (name, number)
            inner join pg_attribute as sorted on sorted.attrelid = design.relation and sorted.attname = keys.name
            where design.relation = $1
        ) as keys
    ) as places
    where unbroken
$$;

-- Bring a table's rows in the order of its sort key, as VACUUM and ALTER SORTKEY do. Both let others read meanwhile,
-- and PostgreSQL does not; so a table that is in use stays as it is.
create or replace function redshift_shim.sort_rows(relation regclass) returns void
language plpgsql set search_path = pg_catalog as $$
declare
    sort_columns text;
begin
    select string_agg(quote_ident(name), ', ' order by number) into sort_columns
    from redshift_shim.table_design as design
    cross join unnest(design.sortkeys) with ordinality as keys (name, number)
    where design.relation = $1 and number <= 32;
    if sort_columns is null or not exists (
        select from pg_class where oid = $1 and pg_has_role(relowner, 'usage')
    ) then
        return;
    end if;
    begin
        execute format('lock table %s in access exclusive mode nowait', $1);
    exception when lock_not_available then
        return;
    end;
    execute format('create index redshift_sorting on %s (%s)', $1, sort_columns);
    execute format('cluster %s using redshift_sorting', $1);
    execute format(
        'drop index %I.redshift_sorting',
        (select nspname from pg_namespace inner join pg_class on relnamespace = pg_namespace.oid where pg_class.oid = $1)
    );
    execute format('analyze %s', $1);
end
$$;

-- A warehouse that an earlier version made has plain indexes behind its keys.
do $body$
declare
    found record;
begin
    delete from redshift_shim.table_design where not exists (select from pg_class where oid = relation);
    for found in
        select indexrelid::regclass as index
        from pg_catalog.pg_index
        inner join redshift_shim.table_design on indrelid = relation
        inner join pg_catalog.pg_class on indexrelid = pg_class.oid
        inner join pg_catalog.pg_am on relam = pg_am.oid
        where amname = 'btree' and not exists (select from pg_catalog.pg_constraint where conindid = indexrelid)
    loop
        execute format('drop index %s', found.index);
    end loop;
    perform redshift_shim.sort_blocks(relation) from redshift_shim.table_design;
end
$body$;
