mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../mocks"
}

variables {
  prefix = "ecommerce-dwh-dev"

  bucket_names = {
    raw       = "ecommerce-dwh-dev-raw"
    processed = "ecommerce-dwh-dev-processed"
    scripts   = "ecommerce-dwh-dev-scripts"
    logs      = "ecommerce-dwh-dev-logs"
  }
  account_id               = "123456789012"
  region                   = "ap-south-1"
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  force_destroy            = false
  log_retention_days       = 30
  cloudtrail_name          = "ecommerce-dwh-dev"
  replicate_raw            = true
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/ecommerce-dwh-dev-boundary"
  replica_kms_key_arn      = "arn:aws:kms:ap-south-2:123456789012:key/11111111-2222-3333-4444-555555555555"
}

run "nothing_is_public" {
  assert {
    condition = alltrue([
      for block in concat(values(aws_s3_bucket_public_access_block.this), aws_s3_bucket_public_access_block.replica) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Every bucket blocks public access in all four ways."
  }

  assert {
    condition     = length(aws_s3_bucket_public_access_block.this) == 4
    error_message = "All four buckets have a public access block."
  }

  assert {
    condition     = alltrue([for control in aws_s3_bucket_ownership_controls.this : control.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "Access control lists are off."
  }
}

run "everything_is_encrypted_and_versioned" {
  assert {
    condition = alltrue([
      for purpose in ["raw", "processed", "scripts"] :
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[purpose].rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    ])
    error_message = "Data buckets are encrypted with the environment's key."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.replica[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "The copy is encrypted with its region's key."
  }

  assert {
    condition     = alltrue([for versioning in concat(values(aws_s3_bucket_versioning.this), aws_s3_bucket_versioning.replica) : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "Every bucket keeps old versions."
  }
}

run "only_tls_gets_in" {
  assert {
    condition = alltrue([
      for policy in concat(values(aws_s3_bucket_policy.this), aws_s3_bucket_policy.replica) : anytrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Effect == "Deny" && statement.Action == "s3:*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "Every bucket denies requests without TLS."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_s3_bucket_policy.this : [
        for statement in jsondecode(policy.policy).Statement : can(statement.Principal.Service) && can(statement.Condition)
        if statement.Effect == "Allow"
      ]
    ]))
    error_message = "Bucket policies allow AWS services only, and only on behalf of this account."
  }
}

run "raw_is_kept_for_ever_and_the_rest_is_cleaned" {
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this["raw"].rule : length(rule.expiration) == 0
    ])
    error_message = "Current raw files never expire: the warehouse is a function of them."
  }

  assert {
    condition = alltrue([
      for configuration in aws_s3_bucket_lifecycle_configuration.this : anytrue([
        for rule in configuration.rule : length(rule.abort_incomplete_multipart_upload) == 1
      ])
    ])
    error_message = "Broken uploads are cleaned everywhere."
  }

  assert {
    condition     = alltrue([for purpose in ["raw", "processed", "scripts"] : aws_s3_bucket_logging.this[purpose].target_prefix == "s3-access/${purpose}/"])
    error_message = "Who reads what is logged."
  }
}

run "erasure_reaches_the_copy" {
  assert {
    condition     = aws_s3_bucket_replication_configuration.raw[0].rule[0].delete_marker_replication[0].status == "Enabled"
    error_message = "A deleted raw file must be deleted in the copy as well."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.replica[0].rule : rule.noncurrent_version_expiration[0].noncurrent_days < 30
    ])
    error_message = "What was erased leaves the copy within a month."
  }

  assert {
    condition     = aws_iam_role.replication[0].permissions_boundary == var.permissions_boundary_arn
    error_message = "Replication works within the boundary."
  }
}

run "a_copy_needs_a_key" {
  command = plan

  variables {
    replica_kms_key_arn = null
  }

  expect_failures = [var.replica_kms_key_arn]
}
