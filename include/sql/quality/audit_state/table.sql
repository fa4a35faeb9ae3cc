-- A table of its own: an audit that ends writes here while another run's merges write to warehouse_state.
create table if not exists quality.audit_state (
    audited_seq bigint not null
)
diststyle all;

insert into quality.audit_state (audited_seq)
select 0 as audited_seq
where not exists (select 1 from quality.audit_state);
