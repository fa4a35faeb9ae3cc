# The same warehouse without nodes: paid by the second of work, asleep otherwise.

resource "aws_redshiftserverless_namespace" "this" {
  count = local.serverless ? 1 : 0

  namespace_name                   = var.prefix
  db_name                          = var.database
  admin_username                   = var.admin
  manage_admin_password            = true
  admin_password_secret_kms_key_id = var.kms_key_arn
  kms_key_id                       = var.kms_key_arn
  iam_roles                        = [var.copy_role_arn]
  default_iam_role_arn             = var.copy_role_arn
  log_exports                      = local.log_types
}

resource "aws_redshiftserverless_workgroup" "this" {
  count = local.serverless ? 1 : 0

  workgroup_name       = local.cluster # the same name as the cluster of a provisioned deployment
  namespace_name       = aws_redshiftserverless_namespace.this[0].namespace_name
  base_capacity        = var.serverless_rpu
  subnet_ids           = var.subnet_ids
  security_group_ids   = [var.security_group_id]
  publicly_accessible  = false
  enhanced_vpc_routing = true

  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }

  config_parameter {
    parameter_key   = "enable_user_activity_logging"
    parameter_value = "true"
  }

  config_parameter {
    parameter_key   = "max_query_execution_time"
    parameter_value = "7200"
  }
}

resource "aws_redshiftserverless_usage_limit" "this" {
  count = local.serverless ? 1 : 0

  resource_arn  = aws_redshiftserverless_workgroup.this[0].arn
  usage_type    = "serverless-compute"
  amount        = var.serverless_rpu_hours_per_day
  period        = "daily"
  breach_action = "deactivate"
}
