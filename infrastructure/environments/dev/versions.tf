terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket is told at init, because its name holds the account (docs/deployment.md):
  #   terraform init -backend-config=bucket=ecommerce-dwh-tfstate-<account id>
  backend "s3" {
    key          = "dev/terraform.tfstate"
    region       = "ap-south-1"
    encrypt      = true
    use_lockfile = true # a lock object beside the state; no table needed
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id] # a wrong account is refused before anything happens

  default_tags {
    tags = local.tags
  }
}
