variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}

variable "env" {
  description = "Deployment name that the jobs are told."
  type        = string
}

variable "region" {
  description = "AWS region that the jobs are told."
  type        = string
}

variable "sources" {
  description = "Names of the raw sources; each is a folder of the raw bucket."
  type        = list(string)

  validation {
    condition     = length(var.sources) > 0
    error_message = "sources is empty: the crawler needs at least one folder; the contracts in include/sources name them."
  }
}

variable "buckets" {
  description = "Bucket names by purpose."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key for what jobs write, their logs and bookmarks."
  type        = string
}

variable "role_arns" {
  description = "IAM roles by who wears them: crawler, data_processing, data_quality, data_erasure."
  type        = map(string)
}

variable "subnets" {
  description = "Private subnets in which jobs and crawler run, by zone."
  type        = map(string)

  validation {
    condition     = length(var.subnets) > 0
    error_message = "subnets is empty: name a private subnet for each zone in which jobs may run."
  }
}

variable "security_group_id" {
  description = "Security group of jobs and crawler."
  type        = string
}

variable "jobs" {
  description = "Size and limits of each job: worker_type, max_workers (auto scaling goes up to it), timeout_minutes, execution_class."
  type = map(object({
    worker_type     = string
    max_workers     = number
    timeout_minutes = number
    execution_class = string
  }))

  validation {
    condition     = toset(keys(var.jobs)) == toset(["data_processing", "data_quality", "data_erasure"])
    error_message = "jobs must have the keys data_processing, data_quality and data_erasure, after the scripts in include/glue."
  }

  validation {
    condition     = alltrue([for job in values(var.jobs) : job.max_workers >= 2])
    error_message = "max_workers must be 2 or more: one worker is Spark's driver."
  }

  validation {
    condition     = alltrue([for job in values(var.jobs) : contains(["STANDARD", "FLEX"], job.execution_class)])
    error_message = "execution_class must be STANDARD (starts at once) or FLEX (cheaper, may wait for spare capacity)."
  }
}

variable "log_retention_days" {
  description = "Days that job logs are kept."
  type        = number
}
