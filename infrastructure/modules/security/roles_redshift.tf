# The trust of these roles names no account: AWS does not document that Redshift sends aws:SourceAccount, and a condition on
# a key that is not sent is false. Another account cannot pass these roles to its cluster: iam:PassRole ends at the account.

# Roles of the warehouse: COPY reads results of the jobs; the scheduler pauses and resumes one cluster.

resource "aws_iam_role" "redshift_copy" {
  name        = "${local.global}-redshift-copy"
  description = "Redshift COPY reads the processed bucket"

  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] }
    }]
  })
}

resource "aws_iam_role_policy" "redshift_copy" {
  name = "read-processed"
  role = aws_iam_role.redshift_copy.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadResults"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [for prefix in ["accepted", "ledger", "check_results", "runs"] : "${local.arn["processed"]}/${prefix}/*"]
      },
      {
        Sid      = "ListProcessed"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = local.arn["processed"]
      },
      { Sid = "Key", Effect = "Allow", Action = "kms:Decrypt", Resource = aws_kms_key.this.arn },
    ]
  })
}

resource "aws_iam_role" "redshift_scheduler" {
  name        = "${local.global}-redshift-scheduler"
  description = "Redshift pauses and resumes the cluster by schedule"

  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.redshift.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "redshift_scheduler" {
  name = "pause-and-resume"
  role = aws_iam_role.redshift_scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["redshift:PauseCluster", "redshift:ResumeCluster"]
      Resource = "arn:aws:redshift:${var.region}:${var.account_id}:cluster:${var.cluster}"
    }]
  })
}
