#!/usr/bin/env bash
# Builds and deploys the stack on Cloud Run. Needs gcloud, a project with Artifact Registry and Serverless VPC Access, and a
# Memorystore Redis. Not run by the project's tests, which check its names.
#   PROJECT=my-project REDIS_HOST=10.8.0.3 ./examples/deploy/cloud-run/deploy.sh
set -euo pipefail
: "${PROJECT:?set PROJECT}" "${REDIS_HOST:?set REDIS_HOST}"
REGION=${REGION:-us-central1}
REGISTRY=$REGION-docker.pkg.dev/$PROJECT/atp
cd "$(dirname "$0")/../../.."

gcloud artifacts repositories describe atp --location="$REGION" >/dev/null 2>&1 ||
  gcloud artifacts repositories create atp --repository-format=docker --location="$REGION"
for pair in router:examples/router librarian:examples/adapters/librarian persona:examples/adapters/persona memory-gateway:examples/memory-gateway; do
  name=${pair%%:*} program=${pair#*:}
  docker build -f examples/deploy/Dockerfile --build-arg PROGRAM="$program" -t "$REGISTRY/atp-$name:v1" .
  docker push "$REGISTRY/atp-$name:v1"
done
gcloud compute networks vpc-access connectors describe atp-conn --region="$REGION" >/dev/null 2>&1 ||
  gcloud compute networks vpc-access connectors create atp-conn --region="$REGION" --network=default --range=10.8.0.0/28
for name in librarian persona memory-gateway router; do
  sed -e "s|REGISTRY|$REGISTRY|g; s|REDIS_HOST|$REDIS_HOST|g" "examples/deploy/cloud-run/$name.yaml" |
    gcloud run services replace - --region="$REGION"
done
gcloud run services describe router --region="$REGION" --format='value(status.url)'
