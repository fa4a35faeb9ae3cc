-- One row from S3 into Redshift, as load_staging loads it, in a table of this session only. {manifest} is a COPY manifest.
create temporary table verify_products (like staging.stg_products);

copy verify_products
from '{manifest}'
iam_role default
format as parquet
manifest;

select count(*) from verify_products;
