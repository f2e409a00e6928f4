#!/usr/bin/env bash
# Make every secret of deploy/compose.yaml that does not exist yet. Never overwrites one: a new key forgets what the old one linked.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets # containers are handed single files, which their own users must be able to read
for name in clickhouse_password clickhouse_migrator_password clickhouse_writer_password clickhouse_reader_password clickhouse_reporter_password grafana_admin_password sketch_key pseudonym_key seal_key signing_key intake_token; do
    [ -s "secrets/$name" ] && continue
    (umask 022 && openssl rand -hex 32 > "secrets/$name")
    echo "made deploy/secrets/$name"
done
