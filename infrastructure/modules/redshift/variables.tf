variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}

variable "deployment" {
  description = "provisioned: an RA3 cluster. serverless: a workgroup that costs only while it works."
  type        = string

  validation {
    condition     = contains(["provisioned", "serverless"], var.deployment)
    error_message = "deployment must be \"provisioned\" (RA3 cluster) or \"serverless\" (workgroup)."
  }
}

variable "database" {
  description = "Name of the warehouse database."
  type        = string
}

variable "admin" {
  description = "Name of the admin user; Redshift keeps and rotates the password in Secrets Manager."
  type        = string
}

variable "node_type" {
  description = "RA3 node type of a provisioned cluster."
  type        = string

  validation {
    condition     = startswith(var.node_type, "ra3.")
    error_message = "node_type must be an RA3 type (ra3.large, ra3.xlplus, ra3.4xlarge, ra3.16xlarge): storage and compute grow apart, snapshots restore in minutes."
  }
}

variable "nodes" {
  description = "Number of nodes of a provisioned cluster."
  type        = number

  validation {
    condition     = var.nodes >= 1 && var.nodes <= 128 && floor(var.nodes) == var.nodes
    error_message = "nodes must be a whole number from 1 to 128."
  }
}

variable "serverless_rpu" {
  description = "Base capacity of a serverless workgroup in Redshift processing units."
  type        = number
  default     = 8

  validation {
    condition     = var.serverless_rpu >= 4 && var.serverless_rpu <= 512 && var.serverless_rpu % 4 == 0
    error_message = "serverless_rpu must be a multiple of 4 from 4 to 512; 8 is enough for dev."
  }
}

variable "serverless_rpu_hours_per_day" {
  description = "RPU hours a day at which a serverless workgroup stops taking queries: a runaway query must not cost a month."
  type        = number
  default     = 60
}

variable "subnet_ids" {
  description = "Private subnets, three zones."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the cluster or workgroup."
  type        = string
}

variable "kms_key_arn" {
  description = "Key for data, snapshots and the admin's secret."
  type        = string
}

variable "copy_role_arn" {
  description = "Role with which COPY reads the processed bucket; it becomes the default role, so SQL says IAM_ROLE default."
  type        = string
}

variable "scheduler_role_arn" {
  description = "Role with which Redshift pauses and resumes the cluster."
  type        = string
}

variable "snapshot_days" {
  description = "Days that automated snapshots are kept."
  type        = number

  validation {
    condition     = var.snapshot_days >= 1 && var.snapshot_days <= 35
    error_message = "snapshot_days must be from 1 to 35; 0 would switch snapshots off, which RA3 does not allow."
  }
}

variable "pause_schedule" {
  description = "Times of day, UTC, at which a provisioned cluster is resumed and paused (cost of dev), for example { resume = \"01:00\", pause = \"14:30\" }; null leaves it running."
  type        = object({ resume = string, pause = string })
  default     = null

  validation {
    condition = var.pause_schedule == null || (
      alltrue([for time in values(coalesce(var.pause_schedule, {})) : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", time))]) &&
      try(var.pause_schedule.resume != var.pause_schedule.pause, true)
    )
    error_message = "pause_schedule must be two different times of day in UTC, for example { resume = \"01:00\", pause = \"14:30\" }."
  }
}

variable "maintenance_window" {
  description = "Weekly window for patches, UTC, clear of the nightly run."
  type        = string
}

variable "log_retention_days" {
  description = "Days that audit logs are kept."
  type        = number
}

variable "skip_final_snapshot" {
  description = "Whether destroying the cluster leaves no snapshot behind. True only for throw-away environments."
  type        = bool
}

variable "snapshot_copy" {
  description = "Second region for snapshots and the grant that encrypts them there; null keeps them in one region."
  type        = object({ region = string, grant = string, days = number })
  default     = null
}
