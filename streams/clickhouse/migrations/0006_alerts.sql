-- Every step in the life of every alert. 400 days: an audit asks what was known and when.
-- Few rows and queries by time; a step delivered twice is merged into one (read with FINAL).
CREATE TABLE IF NOT EXISTS alerts
(
    alert_id String,
    time DateTime64(3, 'UTC'),
    state Enum8('open' = 1, 'update' = 2, 'resolved' = 3),
    behaviour LowCardinality(String) COMMENT 'extraction or routing',
    entity_kind LowCardinality(String),
    entity_id String,
    case_id String,
    evidence Float32 COMMENT 'nats',
    false_alerts_per_day Float32 COMMENT 'expected, at this evidence',
    summary String,
    payload String COMMENT 'JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (alert_id, time, state)
TTL toDateTime(time) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
