variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}

variable "env" {
  description = "Deployment name, the dimension Environment of the pipeline's metrics."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account_id" {
  description = "Account id."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the alert topic."
  type        = string
}

variable "alert_email" {
  description = "Address that is subscribed to the alert topic; it must confirm once."
  type        = string
}

variable "sources" {
  description = "Raw sources, for the pipeline dashboard."
  type        = list(string)
}

variable "jobs" {
  description = "Glue job names."
  type        = list(string)
}

variable "crawler" {
  description = "Crawler name."
  type        = string
}

variable "cluster" {
  description = "Cluster identifier of the warehouse, or its workgroup when serverless."
  type        = string
}

variable "database" {
  description = "Database of the warehouse."
  type        = string
}

variable "provisioned" {
  description = "Whether the warehouse is a cluster with nodes; a serverless workgroup has other metrics."
  type        = bool
}

variable "serverless_rpu" {
  description = "Base capacity of a serverless workgroup; unused for a cluster."
  type        = number
  default     = 8
}

variable "cluster_sleeps" {
  description = "Whether the cluster is paused by schedule; then silence is not an alarm."
  type        = bool
}

variable "airflow_enabled" {
  description = "Whether the Airflow environment exists."
  type        = bool
}

variable "max_lag_hours" {
  description = "Hours after the end of a published day at which its analytics count as stale."
  type        = number
}
