-- What detectors on trial would have said. Apart from `scores`, so that no query can take it for an alert. 30 days: trials are short.
CREATE TABLE IF NOT EXISTS shadow_scores
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    entity_kind LowCardinality(String),
    entity_id String,
    detector LowCardinality(String),
    score Float32
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (detector, entity_kind, entity_id, time)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
