-- VARCHAR(n) counts bytes in Redshift and characters in PostgreSQL. Every table gets a check on each VARCHAR column,
-- in the transaction that makes or changes the table. Its name tells the front which error Redshift would give.

create or replace function redshift_shim.limit_bytes() returns event_trigger
language plpgsql as $$
declare
    command record;
    actions text;
begin
    for command in
        select ddl.objid
        from pg_catalog.pg_event_trigger_ddl_commands() as ddl
        inner join pg_catalog.pg_class as class on ddl.objid = class.oid
        where ddl.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and class.relkind = 'r'
    loop
        select string_agg(
            case when present is not null then format('drop constraint %I, ', present) else '' end
            || format('add constraint %I check (octet_length(%I) <= %s) not valid', wanted, attname, bytes), ', '
        ) into actions
        from (
            select
                attribute.attname, attribute.atttypmod - 4 as bytes,
                format('redshift_bytes_%s_%s', attribute.attnum, attribute.atttypmod - 4) as wanted,
                (
                    select known.conname from pg_catalog.pg_constraint as known
                    where known.conrelid = attribute.attrelid
                        and starts_with(known.conname, format('redshift_bytes_%s_', attribute.attnum))
                ) as present
            from pg_catalog.pg_attribute as attribute
            where attribute.attrelid = command.objid and attribute.attnum > 0 and not attribute.attisdropped
                and attribute.atttypid = 1043 and attribute.atttypmod > 4
        ) as columns
        where present is distinct from wanted;
        if actions is not null then
            execute format('alter table %s %s', command.objid::pg_catalog.regclass, actions);
        end if;
    end loop;
end
$$;

drop event trigger if exists redshift_limit_bytes;

create event trigger redshift_limit_bytes on ddl_command_end
when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
execute function redshift_shim.limit_bytes();

create or replace function redshift_shim.forget_tables() returns event_trigger
language plpgsql as $$
begin
    delete from redshift_shim.table_design
    where relation in (select objid from pg_catalog.pg_event_trigger_dropped_objects() where object_type = 'table');
end
$$;

drop event trigger if exists redshift_forget_tables;

create event trigger redshift_forget_tables on sql_drop execute function redshift_shim.forget_tables();
