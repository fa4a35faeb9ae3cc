mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix     = "ecommerce-dwh-dev"
  project    = "ecommerce-dwh"
  env        = "dev"
  region     = "ap-south-1"
  account_id = "123456789012"
  buckets = {
    raw       = "ecommerce-dwh-dev-raw"
    processed = "ecommerce-dwh-dev-processed"
    scripts   = "ecommerce-dwh-dev-scripts"
    logs      = "ecommerce-dwh-dev-logs"
  }
  cluster                     = "ecommerce-dwh-dev-cluster"
  database                    = "ecommerce_dwh_dev"
  admin                       = "dwh_admin"
  catalog_database            = "ecommerce_dwh_dev_raw"
  secrets_prefix              = "airflow/ecommerce-dwh-dev"
  github_repository           = "company/ecommerce-dwh"
  create_github_oidc_provider = true

  github_environments_protected = true

  state_bucket       = "ecommerce-dwh-tfstate-123456789012"
  cloudtrail         = true
  cloudtrail_name    = "ecommerce-dwh-dev"
  logs_bucket_ready  = "ecommerce-dwh-dev-logs"
  monthly_budget_usd = 900
  alert_email        = "data-eng@company.com"
}

# Least privilege statement by statement is in tests/infra/test_terraform_apply.py, which asks the applied policies;
# here are the rules that hold for every policy.
run "no_policy_allows_everything" {
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.glue), values(aws_iam_role_policy.airflow), [aws_iam_role_policy.redshift_copy, aws_iam_role_policy.redshift_scheduler], aws_iam_role_policy.deploy) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : !contains(["*", "s3:*", "iam:*", "kms:*", "glue:*", "redshift:*"], action)
        ]
      ]
    ]))
    error_message = "No role of a worker may do everything of a service."
  }

  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.glue), values(aws_iam_role_policy.airflow), aws_iam_role_policy.deploy) : [
        for statement in jsondecode(policy.policy).Statement : statement.Resource != "*" || can(statement.Condition) || alltrue([
          for action in flatten([statement.Action]) : can(regex("^(ec2:Describe|s3:GetAccountPublicAccessBlock|logs:DescribeLogGroups|glue:GetSecurityConfiguration)", action))
        ])
      ]
    ]))
    error_message = "A star as resource needs a condition, or an action that knows no resources."
  }
}

run "no_role_goes_beyond_the_boundary" {
  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.glue), [aws_iam_role.airflow, aws_iam_role.redshift_copy, aws_iam_role.redshift_scheduler]) :
      role.permissions_boundary == aws_iam_policy.boundary.arn
    ])
    error_message = "Every role of a worker wears the boundary."
  }

  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.glue), values(aws_iam_role_policy.airflow), [aws_iam_role_policy.redshift_copy, aws_iam_role_policy.redshift_scheduler]) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : anytrue(flatten([
            for bound in jsondecode(aws_iam_policy.boundary.policy).Statement : [
              for pattern in flatten([bound.Action]) : can(regex("^${replace(pattern, "*", ".*")}$", action))
            ]
          ]))
        ]
      ]
    ]))
    error_message = "A permission outside the boundary would be granted and yet refused."
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : [
        for action in flatten([statement.Action]) : action == "*" || startswith(action, "iam:") || startswith(action, "sts:")
      ]
    ]))
    error_message = "The boundary gives no way to other roles."
  }
}

run "a_plan_writes_no_state" {
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.plan[0].policy).Statement : [
        for resource in flatten([statement.Resource]) : endswith(resource, ".tflock") || strcontains(resource, "/plans/dev/")
      ] if statement.Effect == "Allow" && contains(flatten([statement.Action]), "s3:PutObject")
    ]))
    error_message = "What a pull request runs may lock the state and lay its plan beside it, never change it."
  }
}

run "a_pipeline_makes_no_administrator" {
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.apply[0].policy).Statement : [
        for action in flatten([statement.Action]) :
        !contains(["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"], action) || try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == aws_iam_policy.boundary.arn
      ] if statement.Effect == "Allow"
    ]))
    error_message = "Roles are made and filled within the boundary only."
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.apply[0].policy).Statement : [
        for action in flatten([statement.Action]) : contains(["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:AttachRolePolicy"], action)
      ] if statement.Effect == "Allow"
    ]))
    error_message = "Nobody moves the boundary from a pipeline."
  }
}

run "jobs_reach_what_they_work_on" {
  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.glue["crawler"].policy).Statement : [
        for action in flatten([statement.Action]) : startswith(action, "s3:Put") || startswith(action, "s3:Delete")
      ]
    ]))
    error_message = "The crawler writes nothing to S3."
  }

  assert {
    condition = !anytrue(flatten([
      for name in ["crawler", "data_processing", "data_quality"] : [
        for statement in jsondecode(aws_iam_role_policy.glue[name].policy).Statement : [
          for resource in flatten([statement.Resource]) : strcontains(resource, "ecommerce-dwh-dev-raw") && anytrue([
            for action in flatten([statement.Action]) : can(regex("^s3:(Put|Delete)", action))
          ])
        ]
      ]
    ]))
    error_message = "No job changes raw files, but the one that erases a person."
  }
}

run "only_the_right_workflow_signs_in" {
  assert {
    condition = alltrue([
      for role in aws_iam_role.github :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "GitHub's tokens must be meant for AWS."
  }

  assert {
    condition = jsondecode(aws_iam_role.github["apply"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      "repo:company/ecommerce-dwh:environment:dev"
    ]
    error_message = "Only a job in the approved GitHub environment may apply."
  }

  assert {
    condition = alltrue(flatten([
      for role in aws_iam_role.github : [
        for subject in jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] : !strcontains(subject, "*")
      ]
    ]))
    error_message = "No wildcard in who may sign in."
  }
}

run "no_github_no_roles" {
  variables {
    github_repository = ""
  }

  assert {
    condition     = length(aws_iam_role.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Without a repository nobody signs in from GitHub."
  }
}

run "the_key_rotates" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key rotates, and its deletion can be stopped for a month."
  }
}

run "data_access_leaves_a_trail" {
  assert {
    condition     = aws_cloudtrail.this[0].enable_log_file_validation && length(aws_cloudtrail.this[0].advanced_event_selector) == 2
    error_message = "Management calls and data events are logged, tamper-evident."
  }
}

run "a_repository_is_owner_and_name" {
  command = plan

  variables {
    github_repository = "https://github.com/company/ecommerce-dwh"
  }

  expect_failures = [var.github_repository]
}

run "no_role_changes_anything_before_its_guard" {
  variables {
    github_environments_protected = false
  }

  assert {
    condition     = keys(aws_iam_role.github) == ["plan"] && length(aws_iam_role_policy.apply) == 0 && length(aws_iam_role_policy.deploy) == 0
    error_message = "Until GitHub's environments have their reviewers, a workflow may plan and nothing else."
  }
}
