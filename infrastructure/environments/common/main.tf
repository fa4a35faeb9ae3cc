# The deployment of an environment. Each environment links to the files of this folder and has one of its own,
# environment.tf, with the state's key, the second region and the sizes in which it differs (local.sizes).

locals {
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
  replica_region              = local.replica.region
  replicate                   = local.replica.enabled
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

  vpc_cidr       = local.sizes.vpc_cidr
  nat_gateways   = local.sizes.nat_gateways
  endpoint_zones = local.sizes.endpoint_zones
  redshift       = merge(local.sizes.redshift, { deployment = var.redshift_deployment })
  airflow        = merge(local.sizes.airflow, { enabled = var.airflow_enabled })
  glue_jobs      = local.sizes.glue_jobs

  airflow_options    = var.airflow_options
  log_retention_days = local.sizes.log_retention_days
  monthly_budget_usd = local.sizes.monthly_budget_usd
  disposable         = var.disposable
}
