# Development: the values in which it differs. Everything else is in ../../modules/platform.

locals {
  env  = "dev"
  tags = { Project = "ecommerce-dwh", Environment = local.env, ManagedBy = "terraform" }
}

module "platform" {
  source = "../../modules/platform"

  # Dev copies nothing: no second region is asked, which in a new account may be off.
  providers = {
    aws         = aws
    aws.replica = aws
  }

  env                         = local.env
  region                      = var.region
  account_id                  = var.account_id
  account_suffix              = var.account_suffix
  iam_suffix                  = var.iam_suffix
  alert_email                 = var.alert_email
  github_repository           = var.github_repository
  create_github_oidc_provider = var.create_github_oidc_provider

  github_environments_protected = var.github_environments_protected

  state_bucket = "ecommerce-dwh-tfstate-${var.account_id}"
  bi_cidrs     = var.bi_cidrs
  shop_cidrs   = var.shop_cidrs
  ui_cidrs     = var.ui_cidrs
  cloudtrail   = var.cloudtrail

  # One NAT gateway costs less than the fifteen endpoints that would replace it, and one zone is enough for dev.
  vpc_cidr       = "10.40.0.0/16"
  nat_gateways   = 1
  endpoint_zones = 1

  redshift = {
    deployment    = var.redshift_deployment
    node_type     = "ra3.large"
    nodes         = 1
    snapshot_days = 3
    # Up for the nightly load at 02:00 UTC, which runs at weekends too, and for the working day of India.
    pause_schedule = {
      resume = "cron(0 1 * * ? *)"
      pause  = "cron(30 14 * * ? *)"
    }
  }

  airflow = {
    enabled            = var.airflow_enabled
    environment_class  = "mw1.small"
    workers            = { min = 1, max = 2 }
    private_web_server = false # a public address, behind IAM sign-in
  }

  glue_jobs = {
    data_processing = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 120, execution_class = "FLEX" }
    data_quality    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "FLEX" }
    data_erasure    = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 360, execution_class = "FLEX" }
  }

  airflow_options    = var.airflow_options
  log_retention_days = 30
  monthly_budget_usd = 900
  replicate          = false
  disposable         = var.disposable
}
