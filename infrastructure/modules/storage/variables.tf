variable "bucket_names" {
  description = "Bucket names by purpose: raw, processed, scripts, logs."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["raw", "processed", "scripts", "logs"], keys(var.bucket_names))) == 0 && length(var.bucket_names) == 4
    error_message = "bucket_names must have exactly the keys raw, processed, scripts and logs."
  }
}

variable "account_id" {
  description = "Account that owns the buckets."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts objects."
  type        = string
}

variable "force_destroy" {
  description = "Whether destroying a bucket deletes what is in it. True only for throw-away environments."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that access logs, trails and Spark event logs are kept."
  type        = number
}

variable "cloudtrail_name" {
  description = "Trail that may write to the logs bucket."
  type        = string
}

variable "region" {
  description = "Region of the trail."
  type        = string
}

variable "replicate_raw" {
  description = "Whether raw files are copied to a second region: the warehouse can be rebuilt from them."
  type        = bool
}

variable "replica_kms_key_arn" {
  description = "Key in the second region; required when replicate_raw is true."
  type        = string
  default     = null

  validation {
    condition     = !var.replicate_raw || var.replica_kms_key_arn != null
    error_message = "replica_kms_key_arn is missing: replicate_raw needs a key in the second region."
  }
}

variable "permissions_boundary_arn" {
  description = "What no role of the environment can go beyond."
  type        = string
}

variable "iam_suffix" {
  description = "Put after the stem of IAM and budget names, which are one for all regions: -dr for a deployment in a second region."
  type        = string
  default     = ""
}

variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}
