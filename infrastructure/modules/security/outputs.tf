output "kms_key_arn" {
  description = "The environment's key."
  value       = aws_kms_key.this.arn
}

output "permissions_boundary_arn" {
  description = "What no role of the environment can go beyond."
  value       = aws_iam_policy.boundary.arn
}

output "glue_role_arns" {
  description = "Roles of crawler and jobs."
  value       = { for name, role in aws_iam_role.glue : name => role.arn }

  # A job must not start before its role may do anything.
  depends_on = [aws_iam_role_policy.glue]
}

output "copy_role_arn" {
  description = "Role with which Redshift COPY reads the processed bucket."
  value       = aws_iam_role.redshift_copy.arn
}

output "scheduler_role_arn" {
  description = "Role with which Redshift pauses and resumes the cluster."
  value       = aws_iam_role.redshift_scheduler.arn
}

output "airflow_role_arn" {
  description = "Role that Airflow works as."
  value       = aws_iam_role.airflow.arn

  # MWAA checks the role's rights when the environment is created.
  depends_on = [aws_iam_role_policy.airflow]
}

output "people_policy_arns" {
  description = "Policies for people: operator (Airflow), analyst (warehouse)."
  value       = { operator = aws_iam_policy.operator.arn, analyst = aws_iam_policy.analyst.arn }
}

output "github_role_arns" {
  description = "Roles that GitHub Actions signs in with: plan, apply, deploy."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
