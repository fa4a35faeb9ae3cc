"""The laptop's AWS: servers that the product sees as S3, Glue, Redshift, SMTP. Never imported by the product."""
