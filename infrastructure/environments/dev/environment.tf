# Development: what differs from prod. The other files of this folder are links to ../common.

terraform {
  backend "s3" {
    key          = "dev/terraform.tfstate"
    region       = "ap-south-1"
    encrypt      = true
    use_lockfile = true # a lock object beside the state; no table needed
  }
}

# Dev copies nothing, so its second provider is the first region's: ap-south-2, which is off in a new account, is not asked.
provider "aws" {
  alias               = "replica"
  region              = var.region
  allowed_account_ids = [var.account_id]
}

locals {
  env     = "dev"
  replica = { region = var.region, enabled = false }

  sizes = {
    # One NAT gateway costs less than the fifteen endpoints that would replace it, and one zone is enough for dev.
    vpc_cidr       = "10.40.0.0/16"
    nat_gateways   = 1
    endpoint_zones = 1

    redshift = {
      node_type     = "ra3.large"
      nodes         = 1
      snapshot_days = 3
      # UTC: up for the nightly load at 02:00, which runs at weekends too, and for the working day of India.
      pause_schedule = {
        resume = "01:00"
        pause  = "14:30"
      }
    }

    airflow = {
      environment_class  = "mw1.small"
      workers            = { min = 1, max = 2 }
      private_web_server = false # a public address, behind IAM sign-in
    }

    glue_jobs = {
      data_processing = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 120, execution_class = "FLEX" }
      data_quality    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "FLEX" }
      data_erasure    = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 360, execution_class = "FLEX" }
    }

    log_retention_days = 30
    monthly_budget_usd = 900
  }
}
