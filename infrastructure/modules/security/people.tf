# Policies for people, to be attached to their roles or permission sets: nobody needs an administrator's rights for daily work.

resource "aws_iam_policy" "operator" {
  # checkov:skip=CKV_AWS_355:listing environments knows no resources
  name        = "${local.global}-operator"
  description = "Airflow of ${var.prefix}: web UI and REST API as Op, what the environment says of itself"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html; the last part is the role in Airflow.
        Sid      = "SignInToAirflow"
        Effect   = "Allow"
        Action   = ["airflow:CreateWebLoginToken", "airflow:InvokeRestApi"]
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:role/${var.prefix}/Op"
      },
      {
        Sid      = "SeeEnvironment"
        Effect   = "Allow"
        Action   = "airflow:GetEnvironment"
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:environment/${var.prefix}"
      },
      { Sid = "ListEnvironments", Effect = "Allow", Action = "airflow:ListEnvironments", Resource = "*" },
    ]
  })
}

resource "aws_iam_policy" "analyst" {
  # checkov:skip=CKV_AWS_355:describing and listing clusters knows no resources
  # checkov:skip=CKV_AWS_290:signing in is the one write; it is bound to the cluster, or to the workgroup's tags
  name        = "${local.global}-analyst"
  description = "Sign-in to the warehouse of ${var.prefix} as oneself; with AmazonRedshiftQueryEditorV2NoSharing, Query Editor v2"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The database user is IAM:<user> or IAMR:<role>; what it may read is granted there (dwh_analyst).
        Sid      = "SignInToCluster"
        Effect   = "Allow"
        Action   = "redshift:GetClusterCredentialsWithIAM"
        Resource = "arn:aws:redshift:${var.region}:${var.account_id}:dbname:${var.cluster}/${var.database}"
      },
      {
        Sid       = "SignInToWorkgroup"
        Effect    = "Allow"
        Action    = ["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"]
        Resource  = "arn:aws:redshift-serverless:${var.region}:${var.account_id}:workgroup/*"
        Condition = { StringEquals = { "aws:ResourceTag/Environment" = var.env, "aws:ResourceTag/Project" = var.project } }
      },
      {
        Sid      = "FindWarehouses"
        Effect   = "Allow"
        Action   = ["redshift:DescribeClusters", "redshift-serverless:ListNamespaces", "redshift-serverless:ListWorkgroups"]
        Resource = "*"
      },
    ]
  })
}
