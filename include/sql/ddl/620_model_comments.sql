-- What catalogues show of dimensions, facts and quality. Columns that are not here come from a source under the same
-- name and mean what its contract says; docs/data-dictionary.md has both.

comment on column dimensions.dim_date.date_key
is 'surrogate key: the day as YYYYMMDD';

comment on column dimensions.dim_date.full_date
is 'the day';

comment on column dimensions.dim_date.day_of_week
is 'ISO: 1 Monday to 7 Sunday';

comment on column dimensions.dim_date.day_name
is 'English name of the weekday';

comment on column dimensions.dim_date.day_of_month
is '1 to 31';

comment on column dimensions.dim_date.day_of_year
is '1 to 366';

comment on column dimensions.dim_date.iso_week
is 'ISO 8601 week, 1 to 53';

comment on column dimensions.dim_date.iso_year
is 'year that the ISO week belongs to; differs from year_number around New Year';

comment on column dimensions.dim_date.month_number
is '1 to 12';

comment on column dimensions.dim_date.month_name
is 'English name of the month';

comment on column dimensions.dim_date.quarter_number
is 'calendar quarter, 1 to 4';

comment on column dimensions.dim_date.year_number
is 'calendar year';

comment on column dimensions.dim_date.fiscal_year
is 'Indian fiscal year (April to March), named by the year in which it ends';

comment on column dimensions.dim_date.fiscal_quarter
is 'quarter of the fiscal year: 1 is April to June';

comment on column dimensions.dim_date.fiscal_month
is 'month of the fiscal year: 1 is April';

comment on column dimensions.dim_date.is_weekend
is 'Saturday or Sunday';

comment on column dimensions.dim_date.is_holiday
is 'public holiday in India';

comment on column dimensions.dim_date.holiday_name
is 'name of the public holiday in India';

comment on column dimensions.dim_date.month_start
is 'first day of the month';

comment on column dimensions.dim_date.month_end
is 'last day of the month';

comment on column dimensions.dim_customer.customer_key
is 'surrogate key of the version: hash of customer_id and effective_from; -1 is the unknown customer';

comment on column dimensions.dim_customer.full_name
is 'first and last name, what there is of them';

comment on column dimensions.dim_customer.email_domain
is 'what follows the @ of the email, lower case';

comment on column dimensions.dim_customer.effective_from
is 'first instant of the version; the first version reaches back to 1900-01-01';

comment on column dimensions.dim_customer.effective_to
is 'first instant after the version; 9999-12-31 for the current one';

comment on column dimensions.dim_customer.is_current
is 'newest version of the customer';

comment on column dimensions.dim_customer.is_inferred
is 'only orders or events name the customer so far; completed when the customer is delivered';

comment on column dimensions.dim_customer.attribute_hash
is 'hash of the attributes: what tells two versions apart';

comment on column dimensions.dim_product.product_key
is 'surrogate key of the version: hash of product_id and effective_from; -1 is the unknown product';

comment on column dimensions.dim_product.profit_margin
is '100 * (price - cost) / price; null without price or cost';

comment on column dimensions.dim_product.price_category
is 'by price: free 0, budget below 500, standard below 2000, premium below 10000, luxury; or unknown';

comment on column dimensions.dim_product.effective_from
is 'first instant of the version; the first version reaches back to 1900-01-01';

comment on column dimensions.dim_product.effective_to
is 'first instant after the version; 9999-12-31 for the current one';

comment on column dimensions.dim_product.is_current
is 'newest version of the product';

comment on column dimensions.dim_product.is_inferred
is 'only order lines or events name the product so far; completed when the product is delivered';

comment on column dimensions.dim_product.attribute_hash
is 'hash of the attributes, stock excepted: what tells two versions apart';

comment on column dimensions.dim_geography.geography_key
is 'surrogate key: hash of country, state and city';

comment on column dimensions.dim_geography.country
is 'shipping country of the order, else the customer''s; unknown where neither is known';

comment on column dimensions.dim_geography.state
is 'shipping state, else the customer''s; unknown where neither is known';

comment on column dimensions.dim_geography.city
is 'shipping city, else the customer''s; unknown where neither is known';

comment on column facts.fact_sales.order_date
is 'day of the order';

comment on column facts.fact_sales.order_date_key
is 'key of dim_date';

comment on column facts.fact_sales.order_timestamp
is 'when the order was placed, UTC';

comment on column facts.fact_sales.customer_key
is 'version of the customer as of the order; -1 for guests';

comment on column facts.fact_sales.product_key
is 'version of the product as of the order';

comment on column facts.fact_sales.geography_key
is 'where the order was shipped (dim_geography)';

comment on column facts.fact_sales.line_total
is 'amount of the line as delivered, else quantity * unit_price';

comment on column facts.fact_sales.tax_amount
is 'the line''s exact share of the order''s tax';

comment on column facts.fact_sales.shipping_amount
is 'the line''s exact share of the order''s shipping cost';

comment on column facts.fact_sales.discount_amount
is 'the line''s exact share of the order''s discount';

comment on column facts.fact_sales.unit_cost
is 'cost of the product version as of the order; null when unknown';

comment on column facts.fact_sales.gross_profit
is 'line_total - quantity * unit_cost; null when the cost is unknown';

comment on column facts.fact_sales.is_revenue
is 'counts as revenue: not a sale (quantity above 0) of a cancelled or unavailable order';

comment on column facts.fact_sales.is_return
is 'quantity below 0';

comment on column facts.fact_sales.delivery_date
is 'day of the raw file that brought the line';

comment on column facts.fact_web_events.event_date
is 'day of the event, UTC';

comment on column facts.fact_web_events.event_date_key
is 'key of dim_date';

comment on column facts.fact_web_events.customer_key
is 'version of the customer as of the event; -1 for visitors who are not known';

comment on column facts.fact_web_events.product_key
is 'version of the product as of the event; -1 where the event names none';

comment on column facts.agg_product_day.order_date
is 'day of the orders';

comment on column facts.agg_product_day.units
is 'sum of quantity over revenue lines; returns subtract';

comment on column facts.fact_inventory.snapshot_date
is 'day for which the stock was delivered';

comment on column facts.fact_inventory.snapshot_date_key
is 'key of dim_date';

comment on column facts.fact_inventory.product_key
is 'version of the product at the end of the day';

comment on column facts.fact_inventory.units_sold_28d
is 'sum of quantity over revenue lines of the 28 days up to and including the day';

comment on column facts.fact_inventory.days_of_supply
is 'stock_quantity * 28 / units_sold_28d; null when nothing was sold';

comment on column quality.warehouse_state.merge_seq
is 'number of merges so far; each transaction that changes history, dimensions or facts adds one';

comment on column quality.warehouse_state.audited_seq
is 'merge_seq of the last passed audit; analytics are not refreshed while it is behind';

comment on column quality.warehouse_state.published_day
is 'newest day that analytics show';

comment on column quality.warehouse_state.published_at
is 'when analytics were refreshed last, UTC';

comment on column quality.warehouse_state.published_run_id
is 'run that refreshed them';

comment on column quality.load_runs.run_id
is 'run key: the Airflow run id in the characters of an S3 key';

comment on column quality.load_runs.start_date
is 'first day of the run';

comment on column quality.load_runs.end_date
is 'last day of the run';

comment on column quality.load_runs.loaded_at
is 'when its days were put into history, UTC';

comment on column quality.load_runs.published_at
is 'when analytics showed them first, UTC; null until then';

comment on column quality.ledger.source
is 'source contract';

comment on column quality.ledger.delivery_date
is 'day of the raw folder';

comment on column quality.ledger.run_id
is 'run that loaded the day last';

comment on column quality.ledger.files
is 'raw files of the day';

comment on column quality.ledger.raw_rows
is 'rows that were delivered';

comment on column quality.ledger.accepted_rows
is 'rows that history holds';

comment on column quality.ledger.superseded_rows
is 'rows that another row of the same day replaces';

comment on column quality.ledger.quarantined_rows
is 'rows that broke a hard rule';

comment on column quality.ledger.raw_amount
is 'money of the delivered rows (order lines; 0 for other sources)';

comment on column quality.ledger.accepted_amount
is 'money of the accepted rows';

comment on column quality.ledger.superseded_amount
is 'money of the superseded rows';

comment on column quality.ledger.quarantined_amount
is 'money of the quarantined rows, as far as it could be read';

comment on column quality.check_results.run_id
is 'run that loaded the day last';

comment on column quality.check_results.delivery_date
is 'day of the raw folder';

comment on column quality.check_results.source
is 'source contract';

comment on column quality.check_results.rule
is 'quality rule of the contract';

comment on column quality.check_results.dimension
is 'completeness, uniqueness, validity, consistency, referential integrity, freshness or volume';

comment on column quality.check_results.severity
is 'error closes the gate, warning is shown';

comment on column quality.check_results.rows_checked
is 'rows that the rule looked at';

comment on column quality.check_results.rows_failed
is 'rows that broke it';

comment on column quality.check_results.failed_ratio
is 'rows_failed / rows_checked';

comment on column quality.check_results.threshold
is 'greatest failed_ratio with which the rule passes';

comment on column quality.check_results.passed
is 'the rule passed';

comment on column quality.check_results.message
is 'what failed, in words';

comment on column quality.audit_results.run_id
is 'run whose audit it was';

comment on column quality.audit_results.audit
is 'file below include/sql/audits';

comment on column quality.audit_results.severity
is 'fail stops the run, warn is shown';

comment on column quality.audit_results.violations
is 'rows that break the audit''s rule';

comment on column quality.audit_results.sample
is 'some of them, as JSON';

comment on column quality.audit_results.checked_at
is 'when the audit ran, UTC';

comment on column quality.erasures.erasure_id
is 'run key of the erasure (ecommerce_dwh_erase_person)';

comment on column quality.erasures.pseudonym
is 'what stands for the customer key since; drawn by lot, and what it stands for is kept nowhere';

comment on column quality.erasures.requested_by
is 'e-mail address of the colleague who answers for the erasure';

comment on column quality.erasures.reason
is 'why, as given with the request';

comment on column quality.erasures.raw_files
is 'raw files (and older versions) that the search found';

comment on column quality.erasures.raw_rows
is 'rows of the person in current raw files';

comment on column quality.erasures.processed_objects
is 'processed files and reports with traces';

comment on column quality.erasures.days
is 'days that were loaded again';

comment on column quality.erasures.finished_at
is 'when it was proven that nothing is left';
