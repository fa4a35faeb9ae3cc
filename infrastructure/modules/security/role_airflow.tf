# The role that Airflow works as. MWAA has one for all DAGs; what each DAG needs is a policy of its own, so that a
# reader sees why a permission is there, and a DAG that is not used can lose its policy.

locals {
  airflow_policies = {
    platform = [
      {
        Sid      = "PublishHealth"
        Effect   = "Allow"
        Action   = "airflow:PublishMetrics"
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:environment/${var.prefix}"
      },
      {
        Sid      = "ReadCode"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "${local.arn["scripts"]}/mwaa/*"
      },
      {
        Sid    = "SeeCodeBucket"
        Effect = "Allow"
        Action = [
          "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketPublicAccessBlock",
          "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
        ]
        Resource = local.arn["scripts"]
      },
      {
        Sid      = "AccountPublicAccessBlock"
        Effect   = "Allow"
        Action   = ["s3:GetAccountPublicAccessBlock", "logs:DescribeLogGroups"]
        Resource = "*"
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents", "logs:GetLogEvents", "logs:GetLogRecord",
          "logs:GetLogGroupFields", "logs:GetQueryResults",
        ]
        Resource = "arn:aws:logs:${var.region}:${var.account_id}:log-group:airflow-${var.prefix}-*"
      },
      {
        Sid       = "Metrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = ["AmazonMWAA", "AWS/MWAA", "EcommerceDWH"] } }
      },
      {
        # The queue between scheduler and workers belongs to the MWAA service account.
        Sid    = "Queue"
        Effect = "Allow"
        Action = [
          "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
          "sqs:ReceiveMessage", "sqs:SendMessage",
        ]
        Resource = "arn:aws:sqs:${var.region}:*:airflow-celery-*"
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
        Resource = aws_kms_key.this.arn
      },
      {
        Sid      = "Connections"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = "arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:${var.secrets_prefix}/*"
      },
    ]

    # ecommerce_dwh_daily, and what all DAGs that talk to the warehouse need.
    daily = [
      {
        Sid      = "SeeRawAndReports"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = [local.arn["raw"], local.arn["processed"]]
      },
      {
        Sid      = "ReadReports"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [for prefix in ["quality", "runs", "ledger", "quarantine"] : "${local.arn["processed"]}/${prefix}/*"]
      },
      {
        # A person's decision at the gate is recorded beside the report; the quality page keeps its index there.
        Sid      = "RecordDecisions"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${local.arn["processed"]}/quality/*"
      },
      {
        Sid      = "Crawl"
        Effect   = "Allow"
        Action   = ["glue:StartCrawler", "glue:GetCrawler"]
        Resource = "arn:aws:glue:${var.region}:${var.account_id}:crawler/${var.prefix}-raw-data-crawler"
      },
      {
        Sid      = "RunJobs"
        Effect   = "Allow"
        Action   = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]
        Resource = [for job in ["data-processing", "data-quality", "data-erasure"] : "arn:aws:glue:${var.region}:${var.account_id}:job/${var.prefix}-${job}"]
      },
      {
        Sid      = "ReadCatalogue"
        Effect   = "Allow"
        Action   = ["glue:GetTable", "glue:GetPartitions"]
        Resource = local.catalog_arns
      },
      {
        Sid    = "WarehouseLogin"
        Effect = "Allow"
        Action = "redshift:GetClusterCredentials"
        Resource = [
          "arn:aws:redshift:${var.region}:${var.account_id}:dbuser:${var.cluster}/${var.admin}",
          "arn:aws:redshift:${var.region}:${var.account_id}:dbname:${var.cluster}/${var.database}",
        ]
      },
      {
        Sid       = "ServerlessLogin"
        Effect    = "Allow"
        Action    = "redshift-serverless:GetCredentials"
        Resource  = "arn:aws:redshift-serverless:${var.region}:${var.account_id}:workgroup/*"
        Condition = { StringEquals = { "aws:ResourceTag/Environment" = var.env, "aws:ResourceTag/Project" = var.project } }
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = "arn:aws:sns:${var.region}:${var.account_id}:${var.prefix}-alerts"
      },
    ]

    # ecommerce_dwh_maintenance: files that no manifest names any more.
    maintenance = [
      {
        Sid      = "RemoveUnreferenced"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:DeleteObject"]
        Resource = [for prefix in ["accepted", "quarantine", "ledger", "check_results", "runs", "quality"] : "${local.arn["processed"]}/${prefix}/*"]
      },
      {
        Sid      = "CheckStorage"
        Effect   = "Allow"
        Action   = ["s3:GetLifecycleConfiguration", "s3:GetBucketVersioning"]
        Resource = [local.arn["raw"], local.arn["processed"]]
      },
    ]

    # ecommerce_dwh_replay and ecommerce_dwh_ingest: corrected rows go back to raw, the shop's changes go there. What was
    # there before stays as an older version.
    raw_files = [{
      Sid      = "WriteRaw"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      Resource = "${local.arn["raw"]}/*"
    }]

    # ecommerce_dwh_erase_person: the Glue job reads the person from an object, which is deleted with its versions afterwards.
    erasure = [
      {
        Sid      = "ErasureRequests"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
        Resource = "${local.arn["processed"]}/erasures/*"
      },
      { Sid = "SeeVersions", Effect = "Allow", Action = "s3:ListBucketVersions", Resource = local.arn["processed"] },
    ]
  }
}

resource "aws_iam_role" "airflow" {
  name        = "${local.global}-airflow"
  description = "Airflow (MWAA) of ${var.prefix}"

  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = "sts:AssumeRole"
      # Sends the account: docs.aws.amazon.com/mwaa/latest/userguide/cross-service-confused-deputy-prevention.html
      Principal = { Service = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "airflow" {
  # checkov:skip=CKV_AWS_355:three read or metric actions know no resources; metrics are bound to three namespaces
  # checkov:skip=CKV_AWS_290:the only writes without resources are metrics, bound to their namespaces
  for_each = local.airflow_policies

  name = replace(each.key, "_", "-")
  role = aws_iam_role.airflow.id

  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
