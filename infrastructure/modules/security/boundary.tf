# What no role of the environment can go beyond, whatever its own policies say. The role with which GitHub applies
# Terraform may make roles only within it, and cannot change it: so nobody becomes an administrator by way of a pipeline.

locals {
  # IAM and budgets are one for all regions: a second deployment in another region needs names of its own.
  global = "${var.prefix}${var.iam_suffix}"
}

resource "aws_iam_policy" "boundary" {
  # checkov:skip=CKV_AWS_355:a boundary grants nothing; resources are named by the roles' own policies
  # checkov:skip=CKV_AWS_289:a boundary grants nothing by itself
  # checkov:skip=CKV_AWS_290:a boundary grants nothing by itself
  # checkov:skip=CKV_AWS_287:a boundary grants nothing by itself
  # checkov:skip=CKV_AWS_288:a boundary grants nothing by itself
  # checkov:skip=CKV_AWS_286:a boundary grants nothing by itself
  name        = "${local.global}-boundary"
  description = "No role of ${var.prefix} can do more"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = "s3:*"
        Resource = ["arn:aws:s3:::${var.prefix}-*", "arn:aws:s3:::${var.prefix}-*/*"]
      },
      {
        Sid    = "Services"
        Effect = "Allow"
        Action = [
          "airflow:PublishMetrics", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:CreateTags",
          "ec2:DeleteTags", "glue:*", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*",
          "logs:*", "redshift:DescribeClusters", "redshift:GetClusterCredentials", "redshift:PauseCluster",
          "redshift:ResumeCluster", "redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup",
          "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "sns:Publish",
        ]
        Resource = "arn:aws:*:*:${var.account_id}:*"
      },
      {
        Sid      = "WithoutResources"
        Effect   = "Allow"
        Action   = ["cloudwatch:PutMetricData", "ec2:Describe*", "logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"]
        Resource = "*"
      },
      {
        # The queue between Airflow's scheduler and workers belongs to the MWAA service account.
        Sid      = "Queue"
        Effect   = "Allow"
        Action   = "sqs:*"
        Resource = "arn:aws:sqs:${var.region}:*:airflow-celery-*"
      },
    ]
  })
}
