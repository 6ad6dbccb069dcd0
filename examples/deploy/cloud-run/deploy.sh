#!/usr/bin/env bash
# Builds and deploys the stack on Cloud Run. Needs gcloud, docker, a project with Artifact Registry, Secret Manager and Serverless
# VPC Access, and a Memorystore Redis. Not run by the project's tests, which check its names.
#   PROJECT=my-project REDIS_HOST=10.8.0.3 ./examples/deploy/cloud-run/deploy.sh
# Before: put your own keys into config/router.yaml and secrets/memory_keys, see docs/guides/deployment.md.
set -euo pipefail
: "${PROJECT:?set PROJECT}" "${REDIS_HOST:?set REDIS_HOST}"
REGION=${REGION:-us-central1}
REGISTRY=$REGION-docker.pkg.dev/$PROJECT/atp
cd "$(dirname "$0")/../../.."

# Artifact Registry, and one image for each program.
gcloud artifacts repositories describe atp --location="$REGION" >/dev/null 2>&1 ||
  gcloud artifacts repositories create atp --repository-format=docker --location="$REGION"
for pair in router:examples/router librarian:examples/adapters/librarian persona:examples/adapters/persona memory-gateway:examples/memory-gateway; do
  name=${pair%%:*} program=${pair#*:}
  docker build -f examples/deploy/Dockerfile --build-arg PROGRAM="$program" -t "$REGISTRY/atp-$name:v1" .
  docker push "$REGISTRY/atp-$name:v1"
done

# The way to Memorystore.
gcloud compute networks vpc-access connectors describe atp-conn --region="$REGION" >/dev/null 2>&1 ||
  gcloud compute networks vpc-access connectors create atp-conn --region="$REGION" --network=default --range=10.8.0.0/28

# Files that services read, from Secret Manager: each run adds a version, the services take the latest.
secret() {
  gcloud secrets describe "$1" >/dev/null 2>&1 || gcloud secrets create "$1" --replication-policy=automatic
  gcloud secrets versions add "$1" --data-file="$2"
}
secret atp-router-config examples/deploy/config/router.yaml
secret atp-memory-keys examples/deploy/secrets/memory_keys
secret atp-policy packages/atp-router-core/policy/policy.rego
secret atp-otel-config examples/deploy/otel/google-cloud.yaml

# What is asked first: each service learns the addresses of those before it.
urls=(-e "s|REGISTRY|$REGISTRY|g" -e "s|REDIS_HOST|$REDIS_HOST|g")
for name in opa otel-collector librarian persona memory-gateway router; do
  sed "${urls[@]}" "examples/deploy/cloud-run/$name.yaml" | gcloud run services replace - --region="$REGION"
  url=$(gcloud run services describe "$name" --region="$REGION" --format='value(status.url)')
  variable=$(tr 'a-z-' 'A-Z_' <<<"$name")_URL
  # Only as a value: a variable of that name stays what it is.
  urls+=(-e "s|value: $variable|value: $url|; s|\"$variable\"|\"$url\"|g")
done
# Clients come with tokens of their own, which the router checks.
gcloud run services add-iam-policy-binding router --region="$REGION" --member=allUsers --role=roles/run.invoker
echo "wss://${url#https://}/ws"
