-- What each role may do; safe to repeat. Analysts read analytics, facts and the columns of dimensions that hold no
-- contact data; contact data is for dwh_pii_reader; loading is for dwh_etl.
grant usage on schema staging, history, dimensions, facts, analytics, quality to role dwh_etl;
grant select, insert, update, delete on all tables in schema staging to role dwh_etl;
grant select, insert, update, delete on all tables in schema history to role dwh_etl;
grant select, insert, update, delete on all tables in schema dimensions to role dwh_etl;
grant select, insert, update, delete on all tables in schema facts to role dwh_etl;
grant select, insert, update, delete on all tables in schema analytics to role dwh_etl;
grant select, insert, update, delete on all tables in schema quality to role dwh_etl;

grant usage on schema dimensions, facts, analytics, quality to role dwh_analyst;
grant select on all tables in schema analytics to role dwh_analyst;
grant select on all tables in schema facts to role dwh_analyst;
grant select on all tables in schema quality to role dwh_analyst;
-- Each query of this view reads all of history.
revoke select on quality.ledger_balance from role dwh_analyst;
grant select on dimensions.dim_date to role dwh_analyst;
grant select on dimensions.dim_product to role dwh_analyst;
grant select on dimensions.dim_geography to role dwh_analyst;
grant select (
    customer_key, customer_id, full_name, city, state, country, customer_segment, registration_date,
    effective_from, effective_to, is_current, is_inferred
) on dimensions.dim_customer to role dwh_analyst;

grant usage on schema dimensions to role dwh_pii_reader;
grant select on dimensions.dim_customer to role dwh_pii_reader;
