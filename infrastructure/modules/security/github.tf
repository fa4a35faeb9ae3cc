# GitHub Actions signs in by OIDC: no long-lived key exists. Three roles: plan (reads), apply (changes), deploy (code).

locals {
  github = var.github_repository != ""
  # GitHub makes an environment without any guard when a workflow names one that is not there. So the roles that change
  # something come after the guards (infrastructure/bootstrap/github_environments.sh), and until then a pull request plans.
  guarded = local.github && var.github_environments_protected
  # Which workflow may wear which role: pull requests plan; a GitHub environment, which needs a person's approval,
  # applies and deploys.
  github_roles = merge(
    local.github ? { plan = ["repo:${var.github_repository}:pull_request", "repo:${var.github_repository}:ref:refs/heads/main"] } : {},
    local.guarded ? {
      apply  = ["repo:${var.github_repository}:environment:${var.env}"]
      deploy = ["repo:${var.github_repository}:environment:${var.env}-code"]
    } : {},
  )
  oidc_arn = "arn:aws:iam::${var.account_id}:oidc-provider/token.actions.githubusercontent.com"

  state_access = [
    {
      Sid      = "State"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:aws:s3:::${var.state_bucket}/${var.env}/*"
    },
    {
      # The lock is an object; it goes when the plan is done. The state itself a plan does not write.
      Sid      = "StateLock"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject"]
      Resource = "arn:aws:s3:::${var.state_bucket}/${var.env}/*.tflock"
    },
    {
      Sid      = "StateBucket"
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:GetBucketVersioning"]
      Resource = "arn:aws:s3:::${var.state_bucket}"
    },
  ]

  # A plan waits for approval beside the state, which holds the same values; only the apply role reads it from there
  # (bootstrap). Its SHA-256 goes through GitHub, so an exchanged plan is not applied.
  keep_plan = {
    Sid      = "KeepPlan"
    Effect   = "Allow"
    Action   = "s3:PutObject"
    Resource = "arn:aws:s3:::${var.state_bucket}/plans/${var.env}/*"
  }

  # ReadOnlyAccess reads data as well; a plan has no business there.
  no_data = {
    Sid    = "NoDataNoSecrets"
    Effect = "Deny"
    Action = [
      "s3:GetObject", "s3:GetObjectVersion", "secretsmanager:GetSecretValue", "redshift:GetClusterCredentials",
      "redshift:GetClusterCredentialsWithIAM", "redshift-serverless:GetCredentials", "redshift-data:*",
      "logs:GetLogEvents", "logs:GetLogRecord", "logs:GetQueryResults", "logs:FilterLogEvents", "logs:StartLiveTail",
      "logs:StartQuery", "athena:GetQueryResults",
      # Everything else in the account.
      "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "kinesis:GetRecords",
      "lambda:GetFunction", "rds-data:*", "sqs:ReceiveMessage", "ssm:GetParameter*",
    ]
    NotResource = concat(["arn:aws:s3:::${var.state_bucket}/${var.env}/*"], local.secrets_in_state)
  }

  # The connection to the warehouse holds no password (IAM signs in), so Terraform writes and compares it. AWS puts a hyphen
  # and six characters behind the name (docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html).
  secrets_in_state = ["arn:aws:secretsmanager:${var.region}:${var.account_id}:secret:${var.secrets_prefix}/connections/redshift_default-??????"]

  # Calls of a plan that ReadOnlyAccess leaves out, because they can show a password elsewhere
  # (docs.aws.amazon.com/aws-managed-policy/latest/reference/ReadOnlyAccess.html); here neither holds one.
  compare = [
    {
      Sid    = "CompareNetworkConnections"
      Effect = "Allow"
      Action = "glue:GetConnection"
      Resource = [
        "arn:aws:glue:${var.region}:${var.account_id}:catalog", "arn:aws:glue:${var.region}:${var.account_id}:connection/${var.prefix}-vpc-*",
      ]
    },
    {
      Sid      = "CompareAirflow"
      Effect   = "Allow"
      Action   = "airflow:GetEnvironment"
      Resource = "arn:aws:airflow:${var.region}:${var.account_id}:environment/${var.prefix}"
    },
    { Sid = "CompareConnection", Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = local.secrets_in_state },
    {
      Sid       = "DecryptConnection"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = aws_kms_key.this.arn
      Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
    },
  ]
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.github && var.create_github_oidc_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "github" {
  for_each = local.github_roles

  name                 = "${local.global}-github-${each.key}"
  description          = "GitHub Actions of ${var.github_repository}: ${each.key}"
  max_session_duration = each.key == "plan" ? 3600 : 7200

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.oidc_arn }
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = each.value
      } }
    }]
  })

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy_attachment" "plan_reads" {
  count = local.github ? 1 : 0

  role       = aws_iam_role.github["plan"].name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_role_policy" "plan" {
  count = local.github ? 1 : 0

  name   = "state-but-no-data"
  role   = aws_iam_role.github["plan"].id
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.state_access, local.compare, [local.keep_plan, local.no_data]) })
}

resource "aws_iam_role_policy_attachment" "apply_changes" {
  # checkov:skip=CKV2_AWS_56:PowerUserAccess holds no IAM rights; those are bounded to the environment's names below
  count = local.guarded ? 1 : 0

  role       = aws_iam_role.github["apply"].name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

resource "aws_iam_role_policy" "apply" {
  count = local.guarded ? 1 : 0

  name = "roles-of-this-environment"
  role = aws_iam_role.github["apply"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.state_access, [
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "arn:aws:s3:::${var.state_bucket}/${var.env}/*"
      },
      {
        Sid    = "Roles"
        Effect = "Allow"
        Action = [
          "iam:DeleteRole", "iam:GetRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:TagRole",
          "iam:UntagRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
          "iam:GetRolePolicy",
        ]
        Resource = "arn:aws:iam::${var.account_id}:role/${var.prefix}-*"
      },
      {
        Sid       = "RightsWithinTheBoundary"
        Effect    = "Allow"
        Action    = ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"]
        Resource  = "arn:aws:iam::${var.account_id}:role/${var.prefix}-*"
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
      },
      {
        # The boundary and the policies for people; a person changes them.
        Sid      = "ReadPolicies"
        Effect   = "Allow"
        Action   = ["iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions", "iam:ListPolicyTags"]
        Resource = "arn:aws:iam::${var.account_id}:policy/${local.global}-*"
      },
      {
        Sid      = "PassRolesToTheirServices"
        Effect   = "Allow"
        Action   = "iam:PassRole"
        Resource = "arn:aws:iam::${var.account_id}:role/${var.prefix}-*"
        Condition = { StringEquals = { "iam:PassedToService" = [
          "airflow.amazonaws.com", "glue.amazonaws.com", "redshift.amazonaws.com", "redshift-serverless.amazonaws.com",
          "scheduler.redshift.amazonaws.com", "vpc-flow-logs.amazonaws.com", "s3.amazonaws.com", "cloudtrail.amazonaws.com",
        ] } }
      },
      {
        # A person changes the trust of the GitHub roles; a workflow that signed in with one of them cannot.
        Sid    = "NotItsOwnRoles"
        Effect = "Deny"
        Action = [
          "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
          "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = "arn:aws:iam::${var.account_id}:role/${local.global}-github-*"
      },
      {
        Sid       = "ServiceLinkedRoles"
        Effect    = "Allow"
        Action    = "iam:CreateServiceLinkedRole"
        Resource  = "arn:aws:iam::${var.account_id}:role/aws-service-role/*"
        Condition = { StringEquals = { "iam:AWSServiceName" = ["airflow.amazonaws.com", "redshift.amazonaws.com"] } }
      },
      { Sid = "ReadOidc", Effect = "Allow", Action = "iam:GetOpenIDConnectProvider", Resource = local.oidc_arn },
      # Terraform has nothing to do with what the secrets and the tables hold.
      {
        Sid         = "NoData"
        Effect      = "Deny"
        Action      = ["secretsmanager:GetSecretValue", "redshift:GetClusterCredentials", "redshift-data:*", "redshift-serverless:GetCredentials"]
        NotResource = local.secrets_in_state
      },
    ])
  })
}

resource "aws_iam_role_policy" "deploy" {
  count = local.guarded ? 1 : 0

  name = "code-only"
  role = aws_iam_role.github["deploy"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Code"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"]
        Resource = [for prefix in ["mwaa", "glue"] : "${local.arn["scripts"]}/${prefix}/*"]
      },
      {
        Sid      = "SeeCode"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = local.arn["scripts"]
      },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = aws_kms_key.this.arn },
      {
        Sid      = "Environment"
        Effect   = "Allow"
        Action   = ["airflow:GetEnvironment", "airflow:UpdateEnvironment"]
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:environment/${var.prefix}"
      },
      {
        Sid      = "Health"
        Effect   = "Allow"
        Action   = "airflow:InvokeRestApi"
        Resource = "arn:aws:airflow:${var.region}:${var.account_id}:role/${var.prefix}/Op"
      },
      {
        # The log of pip: MWAA reports a failed installation of requirements.txt nowhere else.
        Sid      = "RequirementsLog"
        Effect   = "Allow"
        Action   = "logs:FilterLogEvents"
        Resource = "arn:aws:logs:${var.region}:${var.account_id}:log-group:airflow-${var.prefix}-*"
      },
      {
        Sid       = "PassAirflowRole"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = aws_iam_role.airflow.arn
        Condition = { StringEquals = { "iam:PassedToService" = "airflow.amazonaws.com" } }
      },
    ]
  })
}
