# One deployment: every module, wired. The environments differ in values only.

locals {
  project = "ecommerce-dwh"
  prefix  = "${local.project}-${var.env}"

  # The same names as plugins/ecommerce_dwh/settings.py; tests/infra holds the two against each other.
  buckets          = { for purpose in ["raw", "processed", "scripts", "logs"] : purpose => "${local.prefix}-${purpose}${var.account_suffix}" }
  cluster          = "${local.prefix}-cluster"
  database         = replace(local.prefix, "-", "_")
  admin            = "dwh_admin"
  catalog_database = replace("${local.prefix}-raw", "-", "_")
  cloudtrail_name  = local.prefix
  # Per environment: two of them may share an account.
  secrets_prefix = "airflow/${local.prefix}"

  # A source is one contract file; the crawler follows from it.
  sources = [for file in sort(fileset("${path.module}/../../../include/sources", "*.yaml")) : trimsuffix(file, ".yaml")]

  availability_zones = [for letter in ["a", "b", "c"] : "${var.region}${letter}"]
  serverless         = var.redshift.deployment == "serverless"
  # A serverless workgroup has no pause: an idle one costs no compute.
  sleeps = !local.serverless && var.redshift.pause_schedule != null
}

module "security" {
  source = "../security"

  prefix                      = local.prefix
  project                     = local.project
  env                         = var.env
  region                      = var.region
  account_id                  = var.account_id
  buckets                     = local.buckets
  cluster                     = local.cluster
  database                    = local.database
  admin                       = local.admin
  catalog_database            = local.catalog_database
  secrets_prefix              = local.secrets_prefix
  github_repository           = var.github_repository
  create_github_oidc_provider = var.create_github_oidc_provider

  github_environments_protected = var.github_environments_protected

  state_bucket        = var.state_bucket
  cloudtrail          = var.cloudtrail
  cloudtrail_name     = local.cloudtrail_name
  logs_bucket_ready   = module.storage.logs_ready
  monthly_budget_usd  = var.monthly_budget_usd
  alert_email         = var.alert_email
  iam_suffix          = var.iam_suffix
  replica_kms_key_arn = one(aws_kms_key.replica[*].arn)
}

module "network" {
  source = "../network"

  prefix             = local.prefix
  region             = var.region
  vpc_cidr           = var.vpc_cidr
  availability_zones = local.availability_zones
  nat_gateways       = var.nat_gateways
  endpoint_zones     = var.endpoint_zones
  bi_cidrs           = var.bi_cidrs
  shop_cidrs         = var.shop_cidrs
  ui_cidrs           = var.ui_cidrs
  kms_key_arn        = module.security.kms_key_arn
  log_retention_days = var.log_retention_days
  account_id         = var.account_id
  iam_suffix         = var.iam_suffix
  serverless         = local.serverless

  permissions_boundary_arn = module.security.permissions_boundary_arn
}

module "storage" {
  source = "../storage"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  prefix              = local.prefix
  bucket_names        = local.buckets
  iam_suffix          = var.iam_suffix
  account_id          = var.account_id
  region              = var.region
  kms_key_arn         = module.security.kms_key_arn
  force_destroy       = var.disposable
  log_retention_days  = var.log_retention_days
  cloudtrail_name     = local.cloudtrail_name
  replicate_raw       = var.replicate
  replica_kms_key_arn = one(aws_kms_key.replica[*].arn)

  permissions_boundary_arn = module.security.permissions_boundary_arn
}

module "glue" {
  source = "../glue"

  prefix             = local.prefix
  env                = var.env
  region             = var.region
  sources            = local.sources
  buckets            = module.storage.buckets
  kms_key_arn        = module.security.kms_key_arn
  role_arns          = module.security.glue_role_arns
  subnets            = zipmap(local.availability_zones, module.network.private_subnet_ids)
  security_group_id  = module.network.security_group_ids["glue"]
  jobs               = var.glue_jobs
  log_retention_days = var.log_retention_days
}

module "redshift" {
  source = "../redshift"

  prefix              = local.prefix
  deployment          = var.redshift.deployment
  database            = local.database
  admin               = local.admin
  node_type           = var.redshift.node_type
  nodes               = var.redshift.nodes
  serverless_rpu      = var.redshift.serverless_rpu
  subnet_ids          = module.network.private_subnet_ids
  security_group_id   = module.network.security_group_ids["redshift"]
  kms_key_arn         = module.security.kms_key_arn
  copy_role_arn       = module.security.copy_role_arn
  scheduler_role_arn  = module.security.scheduler_role_arn
  snapshot_days       = var.redshift.snapshot_days
  pause_schedule      = var.redshift.pause_schedule
  maintenance_window  = "sun:07:00-sun:08:00"
  log_retention_days  = var.log_retention_days
  skip_final_snapshot = var.disposable

  snapshot_copy = var.replicate && !local.serverless ? {
    region = var.replica_region
    grant  = one(aws_redshift_snapshot_copy_grant.replica[*].snapshot_copy_grant_name)
    days   = 7
  } : null
}

module "mwaa" {
  source = "../mwaa"

  prefix               = local.prefix
  enabled              = var.airflow.enabled
  airflow_version      = var.airflow.version
  environment_class    = var.airflow.environment_class
  workers              = var.airflow.workers
  private_web_server   = var.airflow.private_web_server
  scripts_bucket       = module.storage.buckets["scripts"]
  scripts_bucket_arn   = module.storage.arns["scripts"]
  role_arn             = module.security.airflow_role_arn
  kms_key_arn          = module.security.kms_key_arn
  subnet_ids           = slice(module.network.private_subnet_ids, 0, 2)
  security_group_id    = module.network.security_group_ids["mwaa"]
  secrets_prefix       = local.secrets_prefix
  secret_recovery_days = var.disposable ? 0 : 30
  log_retention_days   = var.log_retention_days
  shop                 = length(var.shop_cidrs) > 0

  # Keys of plugins/ecommerce_dwh/settings.py; what is not here keeps its default.
  options = merge({
    env              = var.env
    region           = var.region
    account_suffix   = var.account_suffix
    alert_email      = var.alert_email
    copy_iam_role    = "default"
    deadline_minutes = tostring(var.deadline_minutes)
    max_lag_hours    = tostring(var.max_lag_hours)
    warehouse_hours  = local.sleeps ? "${var.redshift.pause_schedule.resume}-${var.redshift.pause_schedule.pause}" : ""
    sns_topic_arn    = module.monitoring.topic_arn
    runbook_url      = var.runbook_url
  }, var.airflow_options)

  redshift_connection = {
    conn_type = "redshift"
    host      = module.redshift.host
    port      = module.redshift.port
    login     = local.admin
    schema    = local.database
    # The hook asks Redshift for a password that lasts minutes; the driver has the same options and renews it.
    extra = local.serverless ? {
      iam                   = true
      is_serverless         = true
      serverless_work_group = local.cluster
      region                = var.region
      } : {
      iam                = true
      cluster_identifier = local.cluster
      db_user            = local.admin
      region             = var.region
    }
  }
}

module "monitoring" {
  source = "../monitoring"

  prefix          = local.prefix
  env             = var.env
  region          = var.region
  account_id      = var.account_id
  kms_key_arn     = module.security.kms_key_arn
  alert_email     = var.alert_email
  sources         = local.sources
  jobs            = values(module.glue.jobs)
  crawler         = module.glue.crawler
  cluster         = local.cluster
  database        = local.database
  provisioned     = !local.serverless
  serverless_rpu  = var.redshift.serverless_rpu
  cluster_sleeps  = local.sleeps
  airflow_enabled = var.airflow.enabled
  max_lag_hours   = var.max_lag_hours
}

# --- second region ------------------------------------------------------------------------------------------------

resource "aws_kms_key" "replica" {
  count = var.replicate ? 1 : 0

  provider                = aws.replica
  description             = "Copies of raw files and snapshots of ${local.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "replica" {
  count = var.replicate ? 1 : 0

  provider      = aws.replica
  name          = "alias/${local.prefix}-replica"
  target_key_id = aws_kms_key.replica[0].key_id
}

resource "aws_redshift_snapshot_copy_grant" "replica" {
  count = var.replicate && !local.serverless ? 1 : 0

  provider                 = aws.replica
  snapshot_copy_grant_name = local.prefix
  kms_key_id               = aws_kms_key.replica[0].arn
}
