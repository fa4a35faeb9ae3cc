mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix               = "ecommerce-dwh-dev"
  enabled              = true
  airflow_version      = "3.3.1"
  environment_class    = "mw1.small"
  workers              = { min = 1, max = 2 }
  private_web_server   = true
  scripts_bucket       = "ecommerce-dwh-dev-scripts"
  scripts_bucket_arn   = "arn:aws:s3:::ecommerce-dwh-dev-scripts"
  role_arn             = "arn:aws:iam::123456789012:role/ecommerce-dwh-dev-airflow"
  kms_key_arn          = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  subnet_ids           = ["subnet-11111111", "subnet-22222222"]
  security_group_id    = "sg-11111111"
  secrets_prefix       = "airflow/ecommerce-dwh-dev"
  options              = { env = "dev" }
  redshift_connection  = { conn_type = "redshift", host = "example", extra = { iam = true } }
  secret_recovery_days = 30
  log_retention_days   = 30
}

run "private_logged_encrypted" {
  assert {
    condition     = aws_mwaa_environment.this[0].webserver_access_mode == "PRIVATE_ONLY" && aws_mwaa_environment.this[0].kms_key == var.kms_key_arn
    error_message = "A private web server, the environment's key."
  }

  assert {
    condition = alltrue([
      for kind in ["dag_processing_logs", "scheduler_logs", "task_logs", "webserver_logs", "worker_logs"] :
      aws_mwaa_environment.this[0].logging_configuration[0][kind][0].enabled
    ])
    error_message = "All five logs are on."
  }

  assert {
    condition     = aws_mwaa_environment.this[0].dag_s3_path == "mwaa/dags" && aws_mwaa_environment.this[0].plugins_s3_path == "mwaa/plugins.zip"
    error_message = "The code lies where tools/deploy.py puts it."
  }
}

run "the_shop_has_a_connection_where_it_is_read" {
  variables {
    shop = true
  }

  assert {
    condition     = output.shop_secret == "airflow/ecommerce-dwh-dev/connections/shop_postgres"
    error_message = "The connection lies where the backend looks."
  }

  assert {
    condition     = can(regex(jsondecode(output.configuration["secrets.backend_kwargs"]).connections_lookup_pattern, "shop_postgres"))
    error_message = "The backend looks for it."
  }
}

run "logs_do_not_stay_for_ever" {
  assert {
    condition = toset([for group in aws_cloudwatch_log_group.airflow : group.name]) == toset([
      for kind in ["DAGProcessing", "Scheduler", "Task", "WebServer", "Worker"] : "airflow-ecommerce-dwh-dev-${kind}"
    ])
    error_message = "The groups that MWAA would make exist before it does."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.airflow : group.retention_in_days == 30 && group.kms_key_id == var.kms_key_arn])
    error_message = "Logs end, and are encrypted with the environment's key."
  }
}

run "the_connection_holds_no_password" {
  assert {
    condition     = !can(jsondecode(aws_secretsmanager_secret_version.redshift.secret_string).password)
    error_message = "Airflow signs in to Redshift with its role."
  }
}

run "a_public_web_server_is_possible" {
  variables {
    private_web_server = false
  }

  assert {
    condition     = aws_mwaa_environment.this[0].webserver_access_mode == "PUBLIC_ONLY"
    error_message = "A public address behind IAM sign-in."
  }
}

run "another_airflow_is_refused" {
  command = plan

  variables {
    airflow_version = "2.10.3"
  }

  expect_failures = [var.airflow_version]
}

run "three_subnets_are_refused" {
  command = plan

  variables {
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
  }

  expect_failures = [var.subnet_ids]
}

run "a_destroyed_environment_can_be_made_again" {
  assert {
    condition     = aws_secretsmanager_secret.redshift.recovery_window_in_days == 0 && aws_secretsmanager_secret.smtp.recovery_window_in_days == 30
    error_message = "What Terraform writes leaves its name free at once; what a person filled in can be brought back."
  }
}
