variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}

variable "project" {
  description = "Project name, the value of the tag Project."
  type        = string
}

variable "env" {
  description = "Deployment name, the value of the tag Environment."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account_id" {
  description = "Account id, 12 digits."
  type        = string
}

variable "buckets" {
  description = "Bucket names by purpose. Plain names, known before the buckets exist."
  type        = map(string)
}

variable "cluster" {
  description = "Cluster identifier or workgroup name of the warehouse."
  type        = string
}

variable "database" {
  description = "Database of the warehouse."
  type        = string
}

variable "admin" {
  description = "Database user that the pipeline works as."
  type        = string
}

variable "catalog_database" {
  description = "Glue catalog database of the raw tables."
  type        = string
}

variable "secrets_prefix" {
  description = "Path in Secrets Manager below which Airflow's connections and variables lie."
  type        = string
}

variable "github_repository" {
  description = "GitHub repository (owner/name) whose workflows may plan, apply and deploy; empty creates no such roles."
  type        = string

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "github_repository must be owner/name, for example company/ecommerce-dwh, or empty for no GitHub access."
  }
}

variable "create_github_oidc_provider" {
  description = "Whether to register GitHub's OIDC provider; an account has it once, so the second environment of an account says false."
  type        = bool
}

variable "state_bucket" {
  description = "Bucket of the Terraform state, which plan and apply roles may use."
  type        = string
}

variable "cloudtrail" {
  description = "Whether to keep a trail; false where the organisation has one for this account."
  type        = bool
}

variable "cloudtrail_name" {
  description = "Name of the trail, the same that the logs bucket lets in."
  type        = string
}

variable "logs_bucket_ready" {
  description = "Name of the logs bucket once its policy is in place."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Monthly budget; mails go out at 80 % and at 100 % forecast."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd must be above zero; docs/cost.md says what dev and prod come to."
  }
}

variable "alert_email" {
  description = "Address for budget mails."
  type        = string
}

variable "iam_suffix" {
  description = "Put after the stem of IAM and budget names, which are one for all regions: -dr for a deployment in a second region."
  type        = string
  default     = ""
}

variable "replica_kms_key_arn" {
  description = "Key of the copies in the second region; null where nothing is copied."
  type        = string
  default     = null
}

variable "github_environments_protected" {
  description = "Whether GitHub's environments have their required reviewers (infrastructure/bootstrap/github_environments.sh). Until then no role exists with which a workflow changes anything."
  type        = bool
}
