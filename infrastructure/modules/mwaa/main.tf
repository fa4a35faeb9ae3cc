# Amazon MWAA: Airflow 3.3, its connections, its options.

locals {
  configuration = merge(
    {
      # Plugins are read by every component at start, not when first asked for.
      "core.lazy_load_plugins" = "False"
      # Connections and variables come from Secrets Manager; aws_default does not: it is the execution role.
      "secrets.backend" = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
      "secrets.backend_kwargs" = jsonencode({
        connections_prefix         = "${var.secrets_prefix}/connections"
        variables_prefix           = "${var.secrets_prefix}/variables"
        connections_lookup_pattern = "^(redshift_default|smtp_default|shop_postgres)$"
      })
      "core.default_timezone"                = "utc"
      "core.dag_discovery_safe_mode"         = "True"
      "callbacks.callback_execution_timeout" = "300"
    },
    { for key, value in var.options : "ecommerce_dwh.${key}" => value },
  )
}

resource "aws_mwaa_environment" "this" {
  # checkov:skip=CKV_AWS_242:all five log types are enabled below
  count = var.enabled ? 1 : 0

  name               = var.prefix
  airflow_version    = var.airflow_version
  environment_class  = var.environment_class
  min_workers        = var.workers.min
  max_workers        = var.workers.max
  execution_role_arn = var.role_arn
  kms_key            = var.kms_key_arn

  source_bucket_arn      = var.scripts_bucket_arn
  dag_s3_path            = "mwaa/dags"
  plugins_s3_path        = "mwaa/plugins.zip"
  requirements_s3_path   = "mwaa/requirements.txt"
  startup_script_s3_path = "mwaa/startup.sh"

  airflow_configuration_options   = local.configuration
  webserver_access_mode           = var.private_web_server ? "PRIVATE_ONLY" : "PUBLIC_ONLY"
  weekly_maintenance_window_start = "SUN:06:00"

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "WARNING"
    }

    scheduler_logs {
      enabled   = true
      log_level = "WARNING"
    }

    task_logs {
      enabled   = true
      log_level = "INFO"
    }

    webserver_logs {
      enabled   = true
      log_level = "WARNING"
    }

    worker_logs {
      enabled   = true
      log_level = "WARNING"
    }
  }

  lifecycle {
    # Which version of the code runs is the deployment's business (tools/deploy.py), not Terraform's.
    ignore_changes = [plugins_s3_object_version, requirements_s3_object_version, startup_script_s3_object_version]
  }

  depends_on = [aws_secretsmanager_secret_version.redshift, aws_cloudwatch_log_group.airflow]
}

# MWAA writes to groups of these names. Without this resource MWAA creates them, with no end of retention.
resource "aws_cloudwatch_log_group" "airflow" {
  # checkov:skip=CKV_AWS_338:dev keeps logs for a month by choice; prod passes 400 days
  for_each = toset(["DAGProcessing", "Scheduler", "Task", "WebServer", "Worker"])

  name              = "airflow-${var.prefix}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# --- connections --------------------------------------------------------------------------------------------------

resource "aws_secretsmanager_secret" "redshift" {
  # checkov:skip=CKV2_AWS_57:holds no password: Airflow signs in with its IAM role for a few minutes at a time
  name                    = "${var.secrets_prefix}/connections/redshift_default"
  description             = "Airflow connection to the warehouse; no password inside"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 0 # Terraform knows what is inside; a recovery window would keep the name taken
}

resource "aws_secretsmanager_secret_version" "redshift" {
  secret_id     = aws_secretsmanager_secret.redshift.id
  secret_string = jsonencode(var.redshift_connection)
}

resource "aws_secretsmanager_secret" "smtp" {
  # checkov:skip=CKV2_AWS_57:SES SMTP passwords are derived from an access key and rotated by the runbook in docs/runbooks-aws.md
  name                    = "${var.secrets_prefix}/connections/smtp_default"
  description             = "Airflow connection to the mail server; a person fills it in (docs/deployment.md)"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "shop" {
  # checkov:skip=CKV2_AWS_57:the password belongs to the shop's database and is rotated with it
  count = var.shop ? 1 : 0

  name                    = "${var.secrets_prefix}/connections/shop_postgres"
  description             = "Airflow connection to the shop's database, SELECT only; a person fills it in (docs/deployment.md)"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}
