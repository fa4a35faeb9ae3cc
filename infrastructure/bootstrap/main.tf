# Resources that an account needs before its first environment: the bucket that keeps Terraform's state, and the second region of prod
# switched on. Applied once, by hand, with a state of its own on the disk of whoever does it (docs/deployment.md); losing
# that file costs one `terraform import`.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "account_id" {
  description = "AWS account, 12 digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of the AWS account, in quotes. `aws sts get-caller-identity --query Account --output text` prints them."
  }
}

variable "region" {
  description = "Region of the state bucket."
  type        = string
  default     = "ap-south-1"
}

variable "suffix" {
  description = "Appended to the bucket's name, which is one in the world: -dr for a second region."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(-[a-z0-9]{1,8})?$", var.suffix))
    error_message = "suffix must be empty, or a hyphen and up to 8 lower-case letters or digits, for example -dr."
  }
}

variable "replica_region" {
  description = "Region that prod's copies go to, to be switched on in this account, for example ap-south-2; null where nothing is copied."
  type        = string
  default     = null

  validation {
    condition     = var.replica_region == null || can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.replica_region))
    error_message = "replica_region must be an AWS region name such as ap-south-2, or null."
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { Project = "ecommerce-dwh", ManagedBy = "terraform" }
  }
}

resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV_AWS_144:a lost state can be imported anew; its versions are kept
  # checkov:skip=CKV2_AWS_62:nothing reacts to a changed state
  # checkov:skip=CKV_AWS_18:the environments' trails log who planned and applied
  # checkov:skip=CKV_AWS_145:the environments' keys do not exist yet when this bucket does; SSE-S3 encrypts it
  bucket = "ecommerce-dwh-tfstate-${var.account_id}${var.suffix}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old-states"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 365
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # A plan that nobody approved for so long is stale anyway.
  rule {
    id     = "plans"
    status = "Enabled"

    filter {
      prefix = "plans/"
    }

    expiration {
      days = 14
    }

    noncurrent_version_expiration {
      noncurrent_days = 14
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # A plan holds what the state holds. The environments' apply roles alone read one (.github/workflows).
        Sid       = "PlansForTheApplyRolesOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = "${aws_s3_bucket.state.arn}/plans/*"
        Condition = { ArnNotLike = { "aws:PrincipalArn" = "arn:aws:iam::${var.account_id}:role/ecommerce-dwh-*-github-apply" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Regions launched after 20 March 2019 are off in a new account, and providers for them fail
# (docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html). AWS: minutes for most accounts, hours for some.
resource "aws_account_region" "replica" {
  count = var.replica_region == null ? 0 : 1

  region_name = var.replica_region
  enabled     = true

  timeouts {
    create = "4h"
  }
}

output "bucket" {
  description = "For `terraform init -backend-config=bucket=…` in the environments."
  value       = aws_s3_bucket.state.id
}
