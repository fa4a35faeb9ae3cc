output "region" {
  description = "Region of the deployment."
  value       = var.region
}

output "redshift_endpoint" {
  description = "Host and port that BI tools connect to."
  value       = try("${module.redshift.host}:${module.redshift.port}", null)
}

output "redshift_cluster" {
  description = "Cluster identifier (workgroup when serverless), as the query editor shows it."
  value       = module.redshift.name
}

output "redshift_database" {
  description = "Database of the warehouse."
  value       = module.redshift.database
}

output "redshift_admin_secret_arn" {
  description = "Secret with the admin's password."
  value       = module.redshift.admin_secret_arn
}

output "buckets" {
  description = "Bucket names by purpose."
  value       = module.storage.buckets
}

output "replica_bucket" {
  description = "Copy of the raw bucket in the second region."
  value       = module.storage.replica_bucket
}

output "crawler" {
  description = "Glue crawler."
  value       = module.glue.crawler
}

output "glue_jobs" {
  description = "Glue jobs by script."
  value       = module.glue.jobs
}

output "catalog_database" {
  description = "Glue catalog database."
  value       = module.glue.database
}

output "airflow_environment" {
  description = "MWAA environment."
  value       = module.mwaa.environment
}

output "airflow_url" {
  description = "Airflow web UI."
  value       = module.mwaa.web_url
}

output "airflow_configuration" {
  description = "Airflow configuration options that MWAA sets."
  value       = module.mwaa.configuration
}

output "smtp_secret" {
  description = "Secret that a person fills with the mail connection."
  value       = module.mwaa.smtp_secret
}

output "alert_topic_arn" {
  description = "SNS topic of the alerts."
  value       = module.monitoring.topic_arn
}

output "dashboards" {
  description = "CloudWatch dashboards."
  value       = module.monitoring.dashboard_urls
}

output "github_role_arns" {
  description = "Roles for GitHub Actions: plan, apply, deploy."
  value       = module.security.github_role_arns
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "query_editor_url" {
  description = "Redshift query editor v2, where analysts sign in."
  value       = "https://${var.region}.console.aws.amazon.com/sqlworkbench/home?region=${var.region}"
}

output "quality_reports" {
  description = "Where the data quality reports lie: dt=<day>/report.html."
  value       = "s3://${module.storage.buckets["processed"]}/quality/"
}

output "shop_secret" {
  description = "Secret that a person fills with the connection to the shop's database."
  value       = module.mwaa.shop_secret
}

output "people_policies" {
  description = "Policies to attach to people's roles: operator (Airflow), analyst (warehouse)."
  value       = module.security.people_policy_arns
}

output "private_route_tables" {
  description = "Route tables of the private subnets; a VPN's network needs a route back in each of them."
  value       = module.network.private_route_table_ids
}
