variable "env" {
  description = "Deployment name; part of every resource name."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.env)
    error_message = "env must be \"dev\" or \"prod\". For another environment copy infrastructure/environments/dev, give it its name there and add the name to this list."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  default     = "ap-south-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region must be an AWS region name such as ap-south-1."
  }
}

variable "replica_region" {
  description = "Second region, for copies of raw files and snapshots where they are asked for."
  type        = string
  default     = "ap-south-2" # Hyderabad: the data stays in India
}

variable "account_id" {
  description = "AWS account that everything is created in; Terraform refuses to work in any other."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of the AWS account, in quotes. `aws sts get-caller-identity --query Account --output text` prints them."
  }
}

variable "account_suffix" {
  description = "Appended to bucket names. Names of buckets are unique among all accounts of the world: where a plain one is taken, set this to \"-<account id>\"."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(-[a-z0-9]{1,20})?$", var.account_suffix))
    error_message = "account_suffix must be empty, or a hyphen and up to 20 lower-case letters or digits, for example -123456789012. Set it when the plain bucket names are taken; `make preflight` says whether they are."
  }
}

variable "alert_email" {
  description = "Where alerts and budget mails go."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be one mail address, for example data-eng@company.com; a mailing list reaches several people."
  }
}

variable "github_repository" {
  description = "GitHub repository (owner/name) whose workflows may plan, apply and deploy; empty: none."
  type        = string
  default     = ""
}

variable "create_github_oidc_provider" {
  description = "Whether to register GitHub's OIDC provider, which an account has once."
  type        = bool
  default     = true
}

variable "state_bucket" {
  description = "Bucket of the Terraform state."
  type        = string
}

variable "vpc_cidr" {
  description = "Address range of the VPC."
  type        = string
}

variable "nat_gateways" {
  description = "0, 1 or 3 NAT gateways; see the network module."
  type        = number
}

variable "endpoint_zones" {
  description = "In how many zones the interface endpoints stand."
  type        = number
}

variable "bi_cidrs" {
  description = "Private ranges from which BI tools reach Redshift."
  type        = list(string)
  default     = []
}

variable "redshift" {
  description = "Shape of the warehouse; see the redshift module."
  type = object({
    deployment     = string
    node_type      = string
    nodes          = number
    snapshot_days  = number
    serverless_rpu = optional(number, 8)
    pause_schedule = optional(object({ resume = string, pause = string }))
  })
}

variable "airflow" {
  description = "Shape of the Airflow environment; see the mwaa module. Set enabled to false for the very first apply."
  type = object({
    enabled            = bool
    version            = optional(string, "3.3.1")
    environment_class  = string
    workers            = object({ min = number, max = number })
    private_web_server = bool
  })
}

variable "glue_jobs" {
  description = "Size and limits of each Glue job; see the glue module."
  type = map(object({
    worker_type     = string
    max_workers     = number
    timeout_minutes = number
    execution_class = string
  }))
}

variable "deadline_minutes" {
  description = "Minutes after the scheduled start at which an unfinished run raises the deadline alert."
  type        = number
  default     = 120
}

variable "max_lag_hours" {
  description = "Hours after the end of a published day at which its analytics count as stale: by mail (ecommerce_dwh_freshness) and by alarm."
  type        = number
  default     = 30
}

variable "runbook_url" {
  description = "Base URL of the runbooks that alerts link to."
  type        = string
  default     = "https://company.example/ecommerce-dwh/runbooks"
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch offers, for example 30, 90 or 400."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly budget; mails go out before it is spent."
  type        = number
}

variable "cloudtrail" {
  description = "Whether this environment keeps a trail; false where the organisation has one."
  type        = bool
  default     = true
}

variable "replicate" {
  description = "Whether raw files and snapshots are copied to the second region."
  type        = bool
}

variable "disposable" {
  description = "Whether destroy may delete data: buckets with their objects, the cluster without a last snapshot, secrets at once. False for everything that anybody relies on."
  type        = bool
  default     = false

  validation {
    condition     = !(var.disposable && var.env == "prod")
    error_message = "disposable must stay false in prod: it would let terraform destroy delete the raw files, from which alone the warehouse can be rebuilt."
  }
}

variable "iam_suffix" {
  description = "Put after the stem of IAM and budget names, which are one for all regions: -dr for a deployment in a second region."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(-[a-z0-9]{1,8})?$", var.iam_suffix))
    error_message = "iam_suffix must be empty, or a hyphen and up to 8 lower-case letters or digits, for example -dr."
  }
}

variable "airflow_options" {
  description = "Further options of the section [ecommerce_dwh] (plugins/ecommerce_dwh/settings.py), for example { raw_timeout_minutes = \"120\" }."
  type        = map(string)
  default     = {}
}

variable "shop_cidrs" {
  description = "Private ranges of the shop's PostgreSQL, which ecommerce_dwh_ingest reads on port 5432; empty where the shop delivers files."
  type        = list(string)
  default     = []
}

variable "github_environments_protected" {
  description = "Whether GitHub's environments have their required reviewers (infrastructure/bootstrap/github_environments.sh). Until then no role exists with which a workflow changes anything."
  type        = bool
  default     = false
}

variable "ui_cidrs" {
  description = "Private ranges from which people reach Airflow's private web server on port 443, for example those of the VPN; empty: nobody."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.ui_cidrs : can(cidrhost(cidr, 0)) && cidr != "0.0.0.0/0"])
    error_message = "ui_cidrs must be address ranges such as [\"10.8.0.0/16\"], never the whole internet."
  }
}
