-- Statistics of the tables that queries join most. ANALYZE takes the table's name without the word TABLE, one table per
-- statement, and skips a table of which less than a tenth changed; ecommerce_dwh_maintenance does this by need.
analyze facts.fact_sales;
analyze facts.fact_web_events;
analyze facts.fact_inventory;
analyze dimensions.dim_customer;
analyze dimensions.dim_product;
analyze dimensions.dim_geography;
