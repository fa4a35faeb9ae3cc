output "host" {
  description = "Host name that BI tools and Airflow connect to, port 5439."
  value = local.provisioned ? one(aws_redshift_cluster.this[*].dns_name) : try(
    one(aws_redshiftserverless_workgroup.this[*].endpoint[0].address), null
  )
}

output "port" {
  description = "Port of the warehouse."
  value       = 5439
}

output "name" {
  description = "Cluster identifier, or workgroup name when serverless."
  value       = local.provisioned ? one(aws_redshift_cluster.this[*].cluster_identifier) : one(aws_redshiftserverless_workgroup.this[*].workgroup_name)
}

output "database" {
  description = "Database of the warehouse."
  value       = var.database
}

output "admin_secret_arn" {
  description = "Secret with the admin's password; Redshift rotates it."
  value = local.provisioned ? one(aws_redshift_cluster.this[*].master_password_secret_arn) : one(
    aws_redshiftserverless_namespace.this[*].admin_password_secret_arn
  )
}
