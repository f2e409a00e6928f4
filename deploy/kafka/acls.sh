#!/usr/bin/env bash
# Kafka's users and what each may do, the least that its commands need. Made by `make render`.
# The brokers need `authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer` and a SASL_SSL listener.
# Run it as a superuser of the brokers; each user's password is the file of its name in $PASSWORDS (made when it is missing):
#   KAFKA_BIN=/opt/kafka/bin BOOTSTRAP=broker:9093 ADMIN=admin.properties PASSWORDS=secrets/kafka deploy/kafka/acls.sh
set -euo pipefail

user() {
    mkdir -p "$PASSWORDS"
    [ -s "$PASSWORDS/$1" ] || (umask 077 && openssl rand -hex 32 > "$PASSWORDS/$1")
    "$KAFKA_BIN/kafka-configs.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --alter --entity-type users --entity-name "$1" \
        --add-config-file <(printf 'SCRAM-SHA-512=password=%s\n' "$(cat "$PASSWORDS/$1")") # no argument: others see those
}

allow() {
    local name=$1
    shift
    "$KAFKA_BIN/kafka-acls.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --allow-principal "User:$name" "$@"
}

user operator # `hydrometer topics`, `hydrometer doctor`
user gateway # sends events by Kafka instead of HTTP
user collect # `hydrometer collect`
user worker # `hydrometer worker accounts groups cases`
user store # `hydrometer worker store`
user analyst # `hydrometer label`, `hydrometer case split`, `hydrometer desk`, `hydrometer enforcement`, `hydrometer export case`
user privacy # `hydrometer forget`
user backup # `hydrometer backup`
user exporter # `hydrometer export ocsf`

allow operator --operation Create --operation Describe --cluster
allow operator --operation Describe --operation DescribeConfigs --topic requests-raw --topic requests --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic erasures --topic dead-letters
allow operator --operation Describe --group hydrometer-collect --group hydrometer-accounts --group hydrometer-groups --group hydrometer-cases --group hydrometer-store
allow gateway --operation Write --topic requests-raw
allow collect --operation Read --topic requests-raw
allow collect --operation Write --topic requests --topic dead-letters
allow collect --operation Read --group hydrometer-collect
allow worker --operation Describe --topic requests-raw --topic requests --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic erasures --topic dead-letters
allow worker --operation Read --topic requests --topic feedback --topic groups --topic evidence --topic labels
allow worker --operation Write --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic erasures --topic dead-letters
allow worker --operation Create --operation Read --operation Write --topic hydrometer-accounts-state-changelog --topic hydrometer-groups-state-changelog --topic hydrometer-cases-state-changelog
allow worker --operation Read --group hydrometer-accounts --group hydrometer-groups --group hydrometer-cases
allow store --operation Describe --topic requests-raw --topic requests --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic erasures --topic dead-letters
allow store --operation IdempotentWrite --cluster
allow store --operation Read --topic requests --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic dead-letters
allow store --operation Read --group hydrometer-store
allow analyst --operation Write --topic labels --topic actions --topic enforcement
allow privacy --operation Describe --topic requests-raw --topic requests --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic erasures --topic dead-letters
allow privacy --operation Read --topic erasures
allow privacy --operation Write --topic feedback --topic labels
allow privacy --operation Describe --group hydrometer-store
allow backup --operation Read --topic requests-raw --topic requests --topic groups --topic evidence --topic feedback --topic scores --topic shadow --topic alerts --topic cases --topic labels --topic actions --topic enforcement --topic erasures --topic dead-letters
allow backup --operation Read --topic hydrometer-accounts-state-changelog --topic hydrometer-groups-state-changelog --topic hydrometer-cases-state-changelog
allow backup --operation Describe --group hydrometer- --resource-pattern-type prefixed
allow exporter --operation Read --topic alerts --topic cases
allow exporter --operation Read --group hydrometer-ocsf --resource-pattern-type prefixed
