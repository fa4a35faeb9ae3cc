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

output "log_group" {
  description = "Log group of the jobs."
  value       = aws_cloudwatch_log_group.jobs.name
}
