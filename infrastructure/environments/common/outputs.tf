output "region" {
  description = "Region of the deployment."
  value       = module.platform.region
}

output "redshift_endpoint" {
  description = "Host and port that BI tools connect to."
  value       = module.platform.redshift_endpoint
}

output "redshift_cluster" {
  description = "Cluster identifier (workgroup when serverless), as the query editor shows it."
  value       = module.platform.redshift_cluster
}

output "redshift_database" {
  description = "Database of the warehouse."
  value       = module.platform.redshift_database
}

output "redshift_admin_secret_arn" {
  description = "Secret with the admin's password."
  value       = module.platform.redshift_admin_secret_arn
}

output "buckets" {
  description = "Bucket names by purpose."
  value       = module.platform.buckets
}

output "replica_bucket" {
  description = "Copy of the raw bucket in the second region."
  value       = module.platform.replica_bucket
}

output "crawler" {
  description = "Glue crawler."
  value       = module.platform.crawler
}

output "glue_jobs" {
  description = "Glue jobs by script."
  value       = module.platform.glue_jobs
}

output "catalog_database" {
  description = "Glue catalog database."
  value       = module.platform.catalog_database
}

output "airflow_environment" {
  description = "MWAA environment."
  value       = module.platform.airflow_environment
}

output "airflow_url" {
  description = "Airflow web UI."
  value       = module.platform.airflow_url
}

output "airflow_configuration" {
  description = "Airflow configuration options that MWAA sets."
  value       = module.platform.airflow_configuration
}

output "smtp_secret" {
  description = "Secret that a person fills with the mail connection."
  value       = module.platform.smtp_secret
}

output "alert_topic_arn" {
  description = "SNS topic of the alerts."
  value       = module.platform.alert_topic_arn
}

output "dashboards" {
  description = "CloudWatch dashboards."
  value       = module.platform.dashboards
}

output "github_role_arns" {
  description = "Roles for GitHub Actions: plan, apply, deploy."
  value       = module.platform.github_role_arns
}

output "vpc_id" {
  description = "The VPC."
  value       = module.platform.vpc_id
}

output "query_editor_url" {
  description = "Redshift query editor v2, where analysts sign in."
  value       = module.platform.query_editor_url
}

output "quality_reports" {
  description = "Where the data quality reports lie: dt=<day>/report.html."
  value       = module.platform.quality_reports
}

output "shop_secret" {
  description = "Secret that a person fills with the connection to the shop's database."
  value       = module.platform.shop_secret
}

output "people_policies" {
  description = "Policies to attach to people's roles: operator (Airflow), analyst (warehouse)."
  value       = module.platform.people_policies
}

output "private_route_tables" {
  description = "Route tables of the private subnets; a VPN's network needs a route back in each of them."
  value       = module.platform.private_route_tables
}
