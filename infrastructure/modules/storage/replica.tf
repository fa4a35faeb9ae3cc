# A copy of the raw bucket in a second region. Raw files are all that cannot be computed again.

resource "aws_s3_bucket" "replica" {
  # checkov:skip=CKV_AWS_144:this is the copy
  # checkov:skip=CKV2_AWS_62:nothing is computed from the copy
  # checkov:skip=CKV2_AWS_61:has one below; checkov does not connect counted resources, tests/infra does
  # checkov:skip=CKV2_AWS_6:has one below, same reason
  # checkov:skip=CKV_AWS_21:versioned below, same reason
  # checkov:skip=CKV_AWS_145:KMS below, same reason
  # checkov:skip=CKV_AWS_18:only replication writes here; CloudTrail logs management calls
  count = var.replicate_raw ? 1 : 0

  provider      = aws.replica
  bucket        = "${var.bucket_names["raw"]}-replica"
  force_destroy = var.force_destroy

  tags = { Name = "${var.bucket_names["raw"]}-replica", Purpose = "raw-replica" }
}

resource "aws_s3_bucket_public_access_block" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider                = aws.replica
  bucket                  = aws_s3_bucket.replica[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider = aws.replica
  bucket   = aws_s3_bucket.replica[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider = aws.replica
  bucket   = aws_s3_bucket.replica[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider = aws.replica
  bucket   = aws_s3_bucket.replica[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.replica_kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider = aws.replica
  bucket   = aws_s3_bucket.replica[0].id

  rule {
    id     = "copy"
    status = "Enabled"
    filter {}

    transition {
      days          = 30
      storage_class = "GLACIER_IR"
    }

    # S3 copies new versions and delete markers, but never the deletion of a version: what an erasure removes from the raw
    # bucket at once leaves the copy by this rule. Long enough to notice a mistake, inside the month that the law gives.
    noncurrent_version_expiration {
      noncurrent_days = 21
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "replica" {
  count = var.replicate_raw ? 1 : 0

  provider = aws.replica
  bucket   = aws_s3_bucket.replica[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.replica[0].arn, "${aws_s3_bucket.replica[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.replica]
}

resource "aws_iam_role" "replication" {
  count = var.replicate_raw ? 1 : 0

  name        = "${var.prefix}${var.iam_suffix}-raw-replication"
  description = "S3 copies raw files to the second region"

  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "s3.amazonaws.com" } # no account: S3 is not known to send it (setting-repl-config-perm-overview.html)
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  count = var.replicate_raw ? 1 : 0

  name = "replicate"
  role = aws_iam_role.replication[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = aws_s3_bucket.this["raw"].arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
        Resource = "${aws_s3_bucket.this["raw"].arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
        Resource = "${aws_s3_bucket.replica[0].arn}/*"
      },
      { Effect = "Allow", Action = "kms:Decrypt", Resource = var.kms_key_arn },
      { Effect = "Allow", Action = "kms:Encrypt", Resource = var.replica_kms_key_arn },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "raw" {
  count = var.replicate_raw ? 1 : 0

  bucket = aws_s3_bucket.this["raw"].id
  role   = aws_iam_role.replication[0].arn

  rule {
    id     = "raw"
    status = "Enabled"
    filter {}

    # An erased person must be erased in the copy as well.
    delete_marker_replication {
      status = "Enabled"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket = aws_s3_bucket.replica[0].arn

      encryption_configuration {
        replica_kms_key_id = var.replica_kms_key_arn
      }
    }
  }

  # S3 tries the role when the configuration is put.
  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_versioning.replica, aws_iam_role_policy.replication]
}
