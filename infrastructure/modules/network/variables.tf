variable "prefix" {
  description = "Stem of every resource name, for example ecommerce-dwh-dev."
  type        = string
}

variable "region" {
  description = "AWS region; part of the endpoint service names."
  type        = string
}

variable "vpc_cidr" {
  description = "Address range of the VPC, a /16 to /20; subnets are cut out of it."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 20, false)
    error_message = "vpc_cidr must be an IPv4 range between /16 and /20, for example 10.40.0.0/16; choose one that no connected network uses."
  }
}

variable "availability_zones" {
  description = "Three availability zones; named instead of looked up, so that a plan never depends on the account."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones must name three different zones, for example [\"ap-south-1a\", \"ap-south-1b\", \"ap-south-1c\"]."
  }
}

variable "nat_gateways" {
  description = "NAT gateways: 0 keeps every subnet without a way to the internet (all AWS calls go through endpoints), 1 is the cheap choice for dev, 3 gives one per zone."
  type        = number

  validation {
    condition     = contains([0, 1, 3], var.nat_gateways)
    error_message = "nat_gateways must be 0 (endpoints only), 1 (one for all zones) or 3 (one per zone)."
  }
}

variable "endpoint_zones" {
  description = "In how many zones each interface endpoint stands; each costs by the hour. One is reachable from all zones, three survive the loss of a zone."
  type        = number

  validation {
    condition     = var.endpoint_zones >= 1 && var.endpoint_zones <= 3
    error_message = "endpoint_zones must be 1, 2 or 3."
  }
}

variable "bi_cidrs" {
  description = "Private address ranges (VPN, peered networks) from which BI tools reach Redshift on port 5439."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.bi_cidrs : can(cidrhost(cidr, 0)) && !startswith(cidr, "0.0.0.0/")])
    error_message = "bi_cidrs must be private IPv4 ranges such as 10.0.0.0/8; Redshift is never opened to 0.0.0.0/0."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the flow logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
}

variable "account_id" {
  description = "Account that owns the network; S3 buckets of other accounts cannot be written to from it."
  type        = string
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

variable "serverless" {
  description = "Whether the warehouse is a serverless workgroup: Airflow then asks another service for its credentials."
  type        = bool
  default     = false
}

variable "shop_cidrs" {
  description = "Private ranges of the shop's PostgreSQL, which ecommerce_dwh_ingest reads on port 5432; empty where the shop delivers files."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.shop_cidrs : can(cidrhost(cidr, 0)) && !startswith(cidr, "0.0.0.0/")])
    error_message = "shop_cidrs must be private IPv4 ranges such as 10.20.0.0/16, reached by peering or a transit gateway."
  }
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
