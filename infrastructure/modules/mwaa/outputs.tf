output "environment" {
  description = "Name of the Airflow environment, null until it is enabled."
  value       = one(aws_mwaa_environment.this[*].name)
}

output "web_url" {
  description = "Address of the Airflow web UI, null until it is enabled."
  value       = try("https://${one(aws_mwaa_environment.this[*].webserver_url)}", null)
}

output "configuration" {
  description = "Airflow configuration options of the environment."
  value       = local.configuration
}

output "smtp_secret" {
  description = "Name of the secret that holds the mail connection."
  value       = aws_secretsmanager_secret.smtp.name
}

output "shop_secret" {
  description = "Name of the secret that holds the connection to the shop's database, null without ingestion."
  value       = one(aws_secretsmanager_secret.shop[*].name)
}
