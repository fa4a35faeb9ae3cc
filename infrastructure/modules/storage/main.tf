# The four buckets. All of them: private, TLS only, versioned, encrypted, with a lifecycle.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144:raw is copied to a second region where replicate_raw asks for it; the rest is derived from raw
  # checkov:skip=CKV2_AWS_62:the pipeline looks for files when it is due; events would start half-delivered days
  # checkov:skip=CKV_AWS_18:access logs of the logs bucket would log themselves; the other three are logged
  # checkov:skip=CKV_AWS_145:S3 server access logs can only be delivered to a bucket with SSE-S3; the other three use KMS
  for_each = var.bucket_names

  bucket        = each.value
  force_destroy = var.force_destroy

  tags = { Name = each.value, Purpose = each.key }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced" # access control lists are off
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    # A bucket key asks KMS once per while instead of once per object.
    bucket_key_enabled = each.key != "logs"

    apply_server_side_encryption_by_default {
      # Server access logs are refused by a bucket with KMS.
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = { for purpose, bucket in aws_s3_bucket.this : purpose => bucket if purpose != "logs" }

  bucket        = each.value.id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3-access/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

# --- lifecycle ----------------------------------------------------------------------------------------------------

locals {
  # Days after which old versions go; raw keeps them longest, because a corrected file may have to be taken back.
  noncurrent_days = { raw = 180, processed = 14, scripts = 90, logs = 1 }

  expiry = {
    raw       = {}
    processed = {}
    scripts   = {}
    logs = {
      temporary   = { prefix = "glue-temp/", days = 7 }
      spark       = { prefix = "spark-events/", days = 30 }
      s3-access   = { prefix = "s3-access/", days = var.log_retention_days }
      cloudtrail  = { prefix = "cloudtrail/", days = var.log_retention_days }
      query-spill = { prefix = "query-results/", days = 7 }
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = local.noncurrent_days[each.key]
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    # Raw files are never deleted, because the warehouse is a function of them; they move to cheaper classes with age.
    for_each = each.key == "raw" ? [1] : []

    content {
      id     = "cheaper-with-age"
      status = "Enabled"
      filter {}

      transition {
        days          = 90
        storage_class = "STANDARD_IA"
      }

      transition {
        days          = 365
        storage_class = "GLACIER_IR" # read in milliseconds: a rebuild needs no restore first
      }
    }
  }

  dynamic "rule" {
    for_each = local.expiry[each.key]

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      expiration {
        days = rule.value.days
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# --- policies -----------------------------------------------------------------------------------------------------

locals {
  tls_only = {
    for purpose, name in var.bucket_names : purpose => [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Tls12OrNewer"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ]
  }

  access_log_writers = [
    for purpose in ["raw", "processed", "scripts"] : {
      Sid       = "AccessLogsOf${title(purpose)}"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::${var.bucket_names["logs"]}/s3-access/${purpose}/*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::${var.bucket_names[purpose]}" }
      }
    }
  ]

  trail_writers = [
    {
      Sid       = "CloudTrailAcl"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = "arn:aws:s3:::${var.bucket_names["logs"]}"
      Condition = { StringEquals = { "aws:SourceArn" = "arn:aws:cloudtrail:${var.region}:${var.account_id}:trail/${var.cloudtrail_name}" } }
    },
    {
      Sid       = "CloudTrailWrite"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::${var.bucket_names["logs"]}/cloudtrail/AWSLogs/${var.account_id}/*"
      Condition = { StringEquals = {
        "aws:SourceArn" = "arn:aws:cloudtrail:${var.region}:${var.account_id}:trail/${var.cloudtrail_name}"
        "s3:x-amz-acl"  = "bucket-owner-full-control"
      } }
    },
  ]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.tls_only[each.key],
      [for statement in local.access_log_writers : statement if each.key == "logs"],
      [for statement in local.trail_writers : statement if each.key == "logs"],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
