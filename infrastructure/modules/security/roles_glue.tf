# One role per job: the crawler reads raw only, processing reads raw and writes results, quality reads and reports. Erasure
# alone changes raw files, older versions included; it runs only when a person starts it.

locals {
  arn = { for purpose, name in var.buckets : purpose => "arn:aws:s3:::${name}" }

  # A file is replaced, and what it held before is deleted for good.
  rewriting = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]

  # Access of each job to objects: bucket, prefixes (empty: the whole bucket), actions.
  glue_object_access = {
    crawler = [
      { sid = "ReadRaw", bucket = "raw", prefixes = [""], actions = ["s3:GetObject"] },
    ]
    data_processing = [
      { sid = "ReadRaw", bucket = "raw", prefixes = [""], actions = ["s3:GetObject"] },
      { sid = "ReadScripts", bucket = "scripts", prefixes = ["glue/"], actions = ["s3:GetObject"] },
      {
        sid      = "Results", bucket = "processed"
        prefixes = ["accepted/", "quarantine/", "ledger/", "check_results/", "runs/"]
        # Deleting: Spark removes its own temporary files when it commits.
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      },
      {
        sid     = "Temporary", bucket = "logs", prefixes = ["glue-temp/", "spark-events/data_processing/"]
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      },
    ]
    # Judges what processing accepted; the raw files, with all personal data, it does not see.
    data_quality = [
      { sid = "ReadScripts", bucket = "scripts", prefixes = ["glue/"], actions = ["s3:GetObject"] },
      { sid = "ReadResults", bucket = "processed", prefixes = [""], actions = ["s3:GetObject"] },
      {
        sid     = "Reports", bucket = "processed", prefixes = ["quality/", "check_results/", "runs/"]
        actions = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      },
      {
        sid     = "Temporary", bucket = "logs", prefixes = ["glue-temp/", "spark-events/data_quality/"]
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      },
    ]
    data_erasure = [
      { sid = "ReadScripts", bucket = "scripts", prefixes = ["glue/"], actions = ["s3:GetObject"] },
      {
        sid     = "RewriteRaw", bucket = "raw", prefixes = [""]
        actions = concat(local.rewriting, ["s3:AbortMultipartUpload"])
      },
      {
        sid      = "RewriteResults", bucket = "processed"
        prefixes = ["accepted/", "quarantine/", "quality/", "runs/", "check_results/", "erasures/"]
        actions  = concat(local.rewriting, ["s3:AbortMultipartUpload"])
      },
      {
        sid     = "Temporary", bucket = "logs", prefixes = ["glue-temp/", "spark-events/data_erasure/"]
        actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      },
    ]
  }

  # Every job in the VPC attaches network interfaces; EC2 gives no finer resources for describing and creating them.
  glue_network = [
    {
      Sid    = "DescribeNetwork"
      Effect = "Allow"
      Action = [
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcEndpoints",
        "ec2:DescribeRouteTables", "ec2:DescribeVpcAttribute",
      ]
      Resource = "*"
    },
    {
      Sid    = "NetworkInterfaces"
      Effect = "Allow"
      Action = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
      Resource = [
        for kind in ["network-interface", "subnet", "security-group"] : "arn:aws:ec2:${var.region}:${var.account_id}:${kind}/*"
      ]
    },
    {
      Sid       = "TagNetworkInterfaces"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
      Resource  = "arn:aws:ec2:${var.region}:${var.account_id}:network-interface/*"
      Condition = { "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] } }
    },
  ]

  glue_common = [
    {
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
      Resource = "arn:aws:logs:${var.region}:${var.account_id}:log-group:/aws-glue/*"
    },
    {
      Sid       = "Metrics"
      Effect    = "Allow"
      Action    = "cloudwatch:PutMetricData"
      Resource  = "*"
      Condition = { StringEquals = { "cloudwatch:namespace" = ["Glue", "EcommerceDWH"] } }
    },
    {
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource = aws_kms_key.this.arn
    },
    {
      Sid      = "Connection"
      Effect   = "Allow"
      Action   = "glue:GetConnection"
      Resource = ["arn:aws:glue:${var.region}:${var.account_id}:catalog", "arn:aws:glue:${var.region}:${var.account_id}:connection/${var.prefix}-vpc-*"]
    },
    {
      # Knows no resources: docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
      Sid      = "SecurityConfiguration"
      Effect   = "Allow"
      Action   = "glue:GetSecurityConfiguration"
      Resource = "*"
    },
  ]

  catalog_arns = [
    "arn:aws:glue:${var.region}:${var.account_id}:catalog",
    "arn:aws:glue:${var.region}:${var.account_id}:database/${var.catalog_database}",
    "arn:aws:glue:${var.region}:${var.account_id}:table/${var.catalog_database}/*",
  ]
  glue_extra = {
    crawler = [
      {
        Sid    = "Catalog"
        Effect = "Allow"
        Action = [
          "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable",
          "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition", "glue:CreatePartition",
          "glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition",
        ]
        Resource = local.catalog_arns
      },
    ]
    data_processing = []
    data_quality    = []
    data_erasure = [{
      Sid      = "ListVersions"
      Effect   = "Allow"
      Action   = "s3:ListBucketVersions"
      Resource = [local.arn["raw"], local.arn["processed"]]
    }]
  }
}

resource "aws_iam_role" "glue" {
  for_each = local.glue_object_access

  name        = "${local.global}-glue-${replace(each.key, "_", "-")}"
  description = "Glue ${replace(each.key, "_", " ")} of ${var.prefix}"

  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "glue.amazonaws.com" } # no account: see roles_redshift.tf
    }]
  })
}

resource "aws_iam_role_policy" "glue" {
  # checkov:skip=CKV_AWS_355:describing network interfaces and sending metrics know no resources; metrics are bound to two namespaces
  # checkov:skip=CKV_AWS_290:the only writes without resources are metrics, bound to their namespaces
  for_each = local.glue_object_access

  name = "work"
  role = aws_iam_role.glue[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for access in each.value : {
          Sid      = access.sid
          Effect   = "Allow"
          Action   = access.actions
          Resource = [for prefix in access.prefixes : "${local.arn[access.bucket]}/${prefix}*"]
        }
      ],
      [{
        Sid      = "ListBuckets"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = [for bucket in distinct(each.value[*].bucket) : local.arn[bucket]]
      }],
      local.glue_extra[each.key],
      local.glue_common,
      local.glue_network,
    )
  })
}
