mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix              = "ecommerce-dwh-dev"
  deployment          = "provisioned"
  database            = "ecommerce_dwh_dev"
  admin               = "dwh_admin"
  node_type           = "ra3.large"
  nodes               = 2
  subnet_ids          = ["subnet-11111111", "subnet-22222222", "subnet-33333333"]
  security_group_id   = "sg-11111111"
  kms_key_arn         = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  copy_role_arn       = "arn:aws:iam::123456789012:role/ecommerce-dwh-dev-redshift-copy"
  scheduler_role_arn  = "arn:aws:iam::123456789012:role/ecommerce-dwh-dev-redshift-scheduler"
  snapshot_days       = 7
  maintenance_window  = "sun:07:00-sun:08:00"
  log_retention_days  = 30
  skip_final_snapshot = false
}

run "private_encrypted_tls" {
  assert {
    condition     = !aws_redshift_cluster.this[0].publicly_accessible && aws_redshift_cluster.this[0].enhanced_vpc_routing
    error_message = "The warehouse is never public, and COPY stays in the VPC."
  }

  assert {
    condition     = aws_redshift_cluster.this[0].encrypted && aws_redshift_cluster.this[0].kms_key_id == var.kms_key_arn
    error_message = "Data and snapshots are encrypted with the environment's key."
  }

  assert {
    condition = alltrue([
      for name in ["require_ssl", "enable_user_activity_logging"] :
      contains([for parameter in aws_redshift_parameter_group.this[0].parameter : "${parameter.name}=${parameter.value}"], "${name}=true")
    ])
    error_message = "TLS is required and statements are logged."
  }

  assert {
    condition     = aws_redshift_logging.this[0].log_destination_type == "cloudwatch" && contains(aws_redshift_logging.this[0].log_exports, "useractivitylog")
    error_message = "Connections, users and statements are logged."
  }
}

run "no_password_in_the_state" {
  assert {
    condition     = aws_redshift_cluster.this[0].manage_master_password && aws_redshift_cluster.this[0].master_password == null
    error_message = "Redshift keeps the admin's password in Secrets Manager and rotates it."
  }
}

run "copy_needs_no_role_in_sql" {
  assert {
    condition     = aws_redshift_cluster.this[0].default_iam_role_arn == var.copy_role_arn && tolist(aws_redshift_cluster.this[0].iam_roles) == tolist([var.copy_role_arn])
    error_message = "The COPY role is the default role, and the only one."
  }
}

run "days_can_be_taken_back" {
  assert {
    condition     = aws_redshift_cluster.this[0].automated_snapshot_retention_period == 7 && length(aws_redshift_snapshot_schedule_association.this) == 1
    error_message = "Snapshots are scheduled and kept."
  }

  assert {
    condition     = !aws_redshift_cluster.this[0].skip_final_snapshot && can(regex("^ecommerce-dwh-dev-cluster-final-[0-9]{12}$", aws_redshift_cluster.this[0].final_snapshot_identifier))
    error_message = "Destroying leaves a last snapshot."
  }
}

run "dev_sleeps_at_night" {
  variables {
    pause_schedule = { resume = "01:05", pause = "14:30" }
  }

  assert {
    condition     = aws_redshift_scheduled_action.pause[0].target_action[0].pause_cluster[0].cluster_identifier != "" && length(aws_redshift_scheduled_action.resume) == 1
    error_message = "The cluster is paused and resumed by schedule."
  }

  assert {
    condition     = aws_redshift_scheduled_action.resume[0].schedule == "cron(5 1 * * ? *)" && aws_redshift_scheduled_action.pause[0].schedule == "cron(30 14 * * ? *)"
    error_message = "The times of day become cron expressions."
  }
}

run "a_schedule_that_is_no_time_of_day_is_refused" {
  command = plan

  variables {
    pause_schedule = { resume = "cron(0 1 * * ? *)", pause = "14:30" }
  }

  expect_failures = [var.pause_schedule]
}

run "serverless_is_as_closed" {
  variables {
    deployment = "serverless"
  }

  assert {
    condition     = length(aws_redshift_cluster.this) == 0 && !aws_redshiftserverless_workgroup.this[0].publicly_accessible && aws_redshiftserverless_workgroup.this[0].enhanced_vpc_routing
    error_message = "A workgroup instead of a cluster, not public."
  }

  assert {
    condition     = contains([for parameter in aws_redshiftserverless_workgroup.this[0].config_parameter : "${parameter.parameter_key}=${parameter.parameter_value}"], "require_ssl=true")
    error_message = "TLS is required."
  }

  assert {
    condition     = aws_redshiftserverless_namespace.this[0].manage_admin_password && aws_redshiftserverless_namespace.this[0].kms_key_id == var.kms_key_arn
    error_message = "Managed password, own key."
  }

  assert {
    condition     = aws_redshiftserverless_usage_limit.this[0].breach_action == "deactivate"
    error_message = "A runaway query must not cost a month."
  }
}

run "only_ra3" {
  command = plan

  variables {
    node_type = "dc2.large"
  }

  expect_failures = [var.node_type]
}

run "only_known_deployments" {
  command = plan

  variables {
    deployment = "cluster"
  }

  expect_failures = [var.deployment]
}

run "snapshots_cannot_be_switched_off" {
  command = plan

  variables {
    snapshot_days = 0
  }

  expect_failures = [var.snapshot_days]
}
