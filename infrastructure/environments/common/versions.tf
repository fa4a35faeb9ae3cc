terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# The state's bucket is named at init, because its name holds the account (docs/deployment.md):
#   terraform init -backend-config=bucket=ecommerce-dwh-tfstate-<account id>
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id] # a wrong account is refused before anything happens

  default_tags {
    tags = local.tags
  }
}
