#!/usr/bin/env bash
# Draw the chart's secrets that belong to Hydrometer into a folder, and print how they become a Secret. Never overwrites one: a new key forgets
# what the old one linked. Passwords of Kafka's users come from who makes those (deploy/kafka/acls.sh, or Strimzi):
#   deploy/helm/secrets.sh deploy/secrets/kubernetes
set -euo pipefail
folder=${1:?name a folder, as deploy/secrets/kubernetes}
mkdir -p "$folder"
chmod 700 "$folder"
for name in sketch_key pseudonym_key intake_token seal_key worker_key analyst_key clickhouse_migrator_password clickhouse_writer_password clickhouse_reader_password clickhouse_reporter_password; do
    [ -s "$folder/$name" ] && continue
    (umask 077 && openssl rand -hex 32 > "$folder/$name")
    echo "made $folder/$name"
done
echo "kubectl create secret generic hydrometer --namespace hydrometer --from-file=$folder"
