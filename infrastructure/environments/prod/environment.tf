# Production: what differs from dev. The other files of this folder are links to ../common.

terraform {
  backend "s3" {
    key          = "prod/terraform.tfstate"
    region       = "ap-south-1"
    encrypt      = true
    use_lockfile = true # a lock object beside the state; no table needed
  }
}

variable "replica_region" {
  description = "Second region, for copies."
  type        = string
  default     = "ap-south-2"
}

variable "replicate" {
  description = "Whether raw files and snapshots are copied to the second region. False where that region is lost."
  type        = bool
  default     = true
}

# The second region is off in a new account: infrastructure/bootstrap switches it on (docs/deployment.md).
provider "aws" {
  alias               = "replica"
  region              = var.replicate ? var.replica_region : var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

locals {
  env     = "prod"
  replica = { region = var.replica_region, enabled = var.replicate }

  sizes = {
    # No way to the internet at all, endpoints in every zone.
    vpc_cidr       = "10.50.0.0/16"
    nat_gateways   = 0
    endpoint_zones = 3

    redshift = {
      node_type     = "ra3.xlplus"
      nodes         = 2
      snapshot_days = 14
    }

    airflow = {
      environment_class  = "mw1.medium"
      workers            = { min = 1, max = 5 }
      private_web_server = true # reached through the VPN
    }

    glue_jobs = {
      data_processing = { worker_type = "G.1X", max_workers = 10, timeout_minutes = 360, execution_class = "STANDARD" }
      data_quality    = { worker_type = "G.1X", max_workers = 5, timeout_minutes = 120, execution_class = "STANDARD" }
      data_erasure    = { worker_type = "G.1X", max_workers = 10, timeout_minutes = 720, execution_class = "FLEX" } # nobody waits for it
    }

    log_retention_days = 400
    monthly_budget_usd = 3500
  }
}
