variable "prefix" {
  description = "Stem of every resource name; the environment bears it as its name."
  type        = string
}

variable "enabled" {
  description = "Whether the Airflow environment exists. False for the very first apply: MWAA reads its code from S3 when it is created, so the code goes there first (docs/deployment.md)."
  type        = bool
}

variable "airflow_version" {
  description = "Airflow version of MWAA."
  type        = string

  validation {
    condition     = startswith(var.airflow_version, "3.3.")
    error_message = "airflow_version must be 3.3.x: the package is pinned to its providers; docs/runbooks-aws.md says how to upgrade."
  }
}

variable "environment_class" {
  description = "Size of scheduler, web server and workers."
  type        = string

  validation {
    condition     = contains(["mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge"], var.environment_class)
    error_message = "environment_class must be mw1.micro, mw1.small, mw1.medium, mw1.large, mw1.xlarge or mw1.2xlarge."
  }
}

variable "workers" {
  description = "Fewest and most workers; MWAA scales in between."
  type        = object({ min = number, max = number })

  validation {
    condition     = var.workers.min >= 1 && var.workers.max >= var.workers.min && var.workers.max <= 25
    error_message = "workers must satisfy 1 <= min <= max <= 25."
  }
}

variable "private_web_server" {
  description = "Whether the web UI is reached only from inside the VPC. False: a public address behind IAM sign-in."
  type        = bool
}

variable "scripts_bucket" {
  description = "Bucket with DAGs, plugins and requirements below mwaa/."
  type        = string
}

variable "scripts_bucket_arn" {
  description = "ARN of that bucket."
  type        = string
}

variable "role_arn" {
  description = "Execution role."
  type        = string
}

variable "kms_key_arn" {
  description = "Key for queue, metadata, logs and connections."
  type        = string
}

variable "subnet_ids" {
  description = "Exactly two private subnets in different zones, as MWAA wants it."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 2
    error_message = "subnet_ids must name exactly two private subnets: MWAA takes neither more nor fewer."
  }
}

variable "security_group_id" {
  description = "Security group of Airflow."
  type        = string
}

variable "secrets_prefix" {
  description = "Path in Secrets Manager below which connections and variables lie."
  type        = string
}

variable "options" {
  description = "Product options, the section [ecommerce_dwh] of Airflow's configuration (plugins/ecommerce_dwh/settings.py)."
  type        = map(string)
}

variable "redshift_connection" {
  description = "Airflow connection redshift_default without a password: Airflow signs in with its IAM role."
  type        = any
}

variable "secret_recovery_days" {
  description = "Days that a deleted secret can be brought back; 0 deletes at once (throw-away environments)."
  type        = number
}

variable "log_retention_days" {
  description = "Days that Airflow's logs are kept."
  type        = number
}

variable "shop" {
  description = "Whether ecommerce_dwh_ingest reads the shop's database."
  type        = bool
  default     = false
}
