#!/usr/bin/env bash
# Creates GitHub's environments with their guards. Run it before the roles exist that trust them: a role's trust policy
# names the environment `prod`, and GitHub creates an environment without any guard when a workflow names one that does not
# exist. Terraform creates the roles when `github_environments_protected = true` confirms that this script has run.
#
#   infrastructure/bootstrap/github_environments.sh OWNER/REPO user:NAME|team:SLUG [user:NAME|team:SLUG ...]
#
# Creates dev, prod (Terraform) and dev-code, prod-code (deployments): required reviewers on all but dev-code, no review of
# one's own run, workflows of the branch main only. Then reads the environments back and fails where a guard is missing:
# private repositories have required reviewers in some of GitHub's plans only
# (docs.github.com/actions/deployment/targeting-different-environments/managing-environments-for-deployment).
#
# DWH_ACCOUNT_SUFFIX_DEV, DWH_ACCOUNT_SUFFIX_PROD: where bucket names are taken (step 2 of docs/deployment.md), the suffix of
# each environment; kept as the variable DWH_ACCOUNT_SUFFIX of the GitHub environments.
#
# Needs the GitHub CLI, signed in as an administrator of the repository. May be run again.
set -euo pipefail

fail() {
    echo "github_environments: $*" >&2
    exit 1
}

usage="use: $0 OWNER/REPO user:NAME|team:SLUG [...]"
[[ $# -ge 2 ]] || fail "$usage"
repository=$1
shift
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || fail "$repository is no OWNER/REPO; $usage"
command -v gh >/dev/null || fail "the GitHub CLI (gh) is not on the PATH; https://cli.github.com has it"
[[ $# -le 6 ]] || fail "GitHub takes six reviewers at most; name a team"

reviewers=""
for reviewer in "$@"; do
    name=${reviewer#*:}
    case $reviewer in
        user:?*) type=User path="users/$name" ;;
        team:?*) type=Team path="orgs/${repository%%/*}/teams/$name" ;;
        *) fail "$reviewer is neither user:NAME nor team:SLUG; $usage" ;;
    esac
    id=$(gh api "$path" --jq .id) || fail "GitHub knows no $reviewer (${path}); check the name and your rights"
    reviewers+="${reviewers:+,}{\"type\":\"$type\",\"id\":$id}"
done

for environment in dev prod dev-code prod-code; do
    guard="[$reviewers]"
    [[ $environment != dev-code ]] || guard="[]" # what is merged may be tried in dev at once
    echo "$environment"
    gh api --silent --method PUT "repos/$repository/environments/$environment" --input - <<END
{"reviewers": $guard, "prevent_self_review": true, "wait_timer": 0,
 "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true}}
END
    branches=$(gh api "repos/$repository/environments/$environment/deployment-branch-policies" --jq '.branch_policies[].name')
    if [[ $branches != main ]]; then
        [[ -z $branches ]] || fail "$environment lets in other branches: ${branches//$'\n'/, }; remove them in Settings, Environments"
        gh api --silent --method POST "repos/$repository/environments/$environment/deployment-branch-policies" -f name=main -f type=branch
    fi
    rules=$(gh api "repos/$repository/environments/$environment" --jq '[.protection_rules[].type] | sort | join(",")')
    [[ $rules == *branch_policy* ]] || fail "$environment is open to every branch: GitHub kept the rules \"$rules\""
    [[ $environment == dev-code || $rules == *required_reviewers* ]] ||
        fail "$environment has no required reviewers: GitHub kept the rules \"$rules\". A private repository has them in GitHub Enterprise only"
    suffix=${DWH_ACCOUNT_SUFFIX_DEV:-}
    [[ $environment != prod* ]] || suffix=${DWH_ACCOUNT_SUFFIX_PROD:-}
    if [[ -n $suffix ]]; then
        gh variable set DWH_ACCOUNT_SUFFIX --repo "$repository" --env "$environment" --body "$suffix"
    fi
done

echo "Done. Now put this into terraform.tfvars of each environment and apply:"
echo "github_environments_protected = true"
