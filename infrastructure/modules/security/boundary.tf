# The upper limit of every role of the environment, whatever its own policies say. The role with which GitHub applies
# Terraform may make roles only within it, and cannot change it: so nobody becomes an administrator by way of a pipeline.

locals {
  # IAM and budgets are one for all regions: a second deployment in another region needs names of its own.
  global = "${var.prefix}${var.iam_suffix}"

  bounded_buckets = concat(values(var.buckets), ["${var.buckets["raw"]}-replica"])
  log_group       = "arn:aws:logs:${var.region}:${var.account_id}:log-group"
  # Groups that belong to this environment alone: MWAA's, the jobs' and the crawler's, the network's.
  own_log_groups = [
    "airflow-${var.prefix}-*", "/aws-glue/jobs/${var.prefix}/*", "/aws-glue/crawlers-role/${local.global}-*",
    "/${var.prefix}/*",
  ]
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

  # One ARN per service, each with the environment's own names: IAM refuses a wildcard in place of the service
  # (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html), and a role of dev cannot be given
  # prod's secrets, cluster or logs by any policy.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject*", "s3:Get*", "s3:List*", "s3:PutObject*", "s3:Replicate*"]
        Resource = flatten([for name in local.bounded_buckets : ["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"]])
      },
      {
        Sid    = "Catalogue"
        Effect = "Allow"
        Action = "glue:*"
        Resource = concat(local.catalog_arns, [
          for kind in ["connection", "crawler", "job"] : "arn:aws:glue:${var.region}:${var.account_id}:${kind}/${var.prefix}-*"
        ])
      },
      {
        Sid      = "Keys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
        Resource = compact([aws_kms_key.this.arn, var.replica_kms_key_arn])
      },
      {
        # Glue's own groups are one for all jobs of the account, so all may write there; what they hold is not read.
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [for group in concat(["/aws-glue/*"], local.own_log_groups) : "${local.log_group}:${group}"]
      },
      {
        Sid      = "ReadLogs"
        Effect   = "Allow"
        Action   = ["logs:FilterLogEvents", "logs:Get*"]
        Resource = [for group in local.own_log_groups : "${local.log_group}:${group}"]
      },
      {
        Sid      = "Cluster"
        Effect   = "Allow"
        Action   = ["redshift:GetClusterCredentials", "redshift:PauseCluster", "redshift:ResumeCluster"]
        Resource = [for name in ["cluster:${var.cluster}", "dbname:${var.cluster}/*", "dbuser:${var.cluster}/*"] : "arn:aws:redshift:${var.region}:${var.account_id}:${name}"]
      },
      {
        # The ARN of a workgroup holds an id that AWS draws; its tags say whose it is.
        Sid       = "Workgroup"
        Effect    = "Allow"
        Action    = "redshift-serverless:GetCredentials"
        Resource  = "arn:aws:redshift-serverless:${var.region}:${var.account_id}:workgroup/*"
        Condition = { StringEquals = { "aws:ResourceTag/Environment" = var.env, "aws:ResourceTag/Project" = var.project } }
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = "arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:${var.secrets_prefix}/*"
      },
      {
        Sid      = "Alerts"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = "arn:aws:sns:${var.region}:${var.account_id}:${var.prefix}-*"
      },
      {
        Sid      = "Health"
        Effect   = "Allow"
        Action   = "airflow:PublishMetrics"
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:environment/${var.prefix}"
      },
      {
        Sid    = "NetworkInterfaces"
        Effect = "Allow"
        Action = ["ec2:CreateNetworkInterface", "ec2:CreateTags", "ec2:DeleteNetworkInterface", "ec2:DeleteTags"]
        Resource = [
          for kind in ["network-interface", "security-group", "subnet"] : "arn:aws:ec2:${var.region}:${var.account_id}:${kind}/*"
        ]
      },
      {
        Sid    = "WithoutResources"
        Effect = "Allow"
        Action = [
          "cloudwatch:PutMetricData", "ec2:Describe*", "glue:GetSecurityConfiguration", "logs:DescribeLogGroups",
          "s3:GetAccountPublicAccessBlock",
        ]
        Resource = "*"
      },
      {
        # The queue between Airflow's scheduler and workers belongs to an account of MWAA that AWS does not name
        # (docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html).
        Sid      = "Queue"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueue*", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource = "arn:aws:sqs:${var.region}:*:airflow-celery-*"
      },
    ]
  })
}
