output "crawler" {
  description = "Name of the crawler."
  value       = aws_glue_crawler.raw.name
}

output "jobs" {
  description = "Job names by script."
  value       = { for script, job in aws_glue_job.this : script => job.name }
}

output "database" {
  description = "Catalog database of the raw tables."
  value       = aws_glue_catalog_database.raw.name
}

output "log_groups" {
  description = "Log groups of the jobs and the crawler."
  value       = [for group in aws_cloudwatch_log_group.jobs : group.name]
}
