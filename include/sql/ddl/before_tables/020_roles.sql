-- Roles. Creating a role twice is an error in Redshift, so this file runs once; grants are in 700_grants.sql.
create role dwh_etl;
create role dwh_analyst;
create role dwh_pii_reader;
