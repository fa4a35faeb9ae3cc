variable "account_id" {
  description = "AWS account of this environment, 12 digits. Set it in terraform.tfvars or as TF_VAR_account_id."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "ap-south-1"
}

variable "account_suffix" {
  description = "Appended to bucket names where the plain ones are taken, for example -123456789012."
  type        = string
  default     = ""
}

variable "alert_email" {
  description = "Where alerts and budget mails go."
  type        = string
  default     = "data-eng@company.com"
}

variable "github_repository" {
  description = "GitHub repository (owner/name) whose workflows may plan, apply and deploy; empty: none."
  type        = string
  default     = ""
}

variable "create_github_oidc_provider" {
  description = "False when another environment in the same account has registered GitHub already."
  type        = bool
  default     = true
}

variable "airflow_enabled" {
  description = "False for the very first apply: the code must be in S3 before MWAA can start."
  type        = bool
  default     = true
}

variable "redshift_deployment" {
  description = "provisioned (RA3 cluster) or serverless (workgroup)."
  type        = string
  default     = "provisioned"
}

variable "bi_cidrs" {
  description = "Private ranges from which BI tools reach Redshift."
  type        = list(string)
  default     = []
}

variable "cloudtrail" {
  description = "False where the organisation keeps a trail for this account."
  type        = bool
  default     = true
}

variable "disposable" {
  description = "Whether destroy may delete data. For throw-away copies of dev only; the platform module refuses it in prod."
  type        = bool
  default     = false
}

variable "iam_suffix" {
  description = "Put into IAM and budget names, which are one for all regions: -dr for a deployment in a second region."
  type        = string
  default     = ""
}

variable "airflow_options" {
  description = "Further options of the section [ecommerce_dwh] (plugins/ecommerce_dwh/settings.py)."
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
