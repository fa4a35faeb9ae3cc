-- The schemas of the warehouse. Each statement is safe to repeat.
create schema if not exists staging;
create schema if not exists history;
create schema if not exists dimensions;
create schema if not exists facts;
create schema if not exists analytics;
create schema if not exists quality;

comment on schema staging is 'Rows of the run in progress, as COPY delivered them';
comment on schema history is 'Accepted rows of every delivered day; the warehouse is a function of them';
comment on schema dimensions is 'Kimball dimensions: dim_customer and dim_product are slowly changing, type 2';
comment on schema facts is 'Facts at their lowest grain';
comment on schema analytics is 'What analysts read; flips from one published day to the next at once';
comment on schema quality is 'Ledger, check results, audits and the state of publishing';
