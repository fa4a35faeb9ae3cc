# Production: the values in which it differs. Everything else is in ../../modules/platform.

locals {
  env  = "prod"
  tags = { Project = "ecommerce-dwh", Environment = local.env, ManagedBy = "terraform" }
}

module "platform" {
  source = "../../modules/platform"

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }

  env                         = local.env
  region                      = var.region
  replica_region              = var.replica_region
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

  # No way to the internet at all, endpoints in every zone.
  vpc_cidr       = "10.50.0.0/16"
  nat_gateways   = 0
  endpoint_zones = 3

  redshift = {
    deployment    = var.redshift_deployment
    node_type     = "ra3.xlplus"
    nodes         = 2
    snapshot_days = 14
  }

  airflow = {
    enabled            = var.airflow_enabled
    environment_class  = "mw1.medium"
    workers            = { min = 1, max = 5 }
    private_web_server = true # reached through the VPN
  }

  glue_jobs = {
    data_processing = { worker_type = "G.1X", max_workers = 10, timeout_minutes = 360, execution_class = "STANDARD" }
    data_quality    = { worker_type = "G.1X", max_workers = 5, timeout_minutes = 120, execution_class = "STANDARD" }
    data_erasure    = { worker_type = "G.1X", max_workers = 10, timeout_minutes = 720, execution_class = "FLEX" } # nobody waits for it
  }

  airflow_options    = var.airflow_options
  log_retention_days = 400
  monthly_budget_usd = 3500
  replicate          = var.replicate
  disposable         = var.disposable
}
