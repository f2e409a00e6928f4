-- The newest version of each case (read with FINAL). Not partitioned: a case's versions must meet in one merge.
-- 400 days after the last change, as alerts.
CREATE TABLE IF NOT EXISTS cases
(
    case_id String,
    version UInt64,
    opened_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    state Enum8('open' = 1, 'resolved' = 2),
    behaviour LowCardinality(String),
    title String,
    accounts UInt32,
    requests Float64,
    output_tokens Float64,
    extraction Float32 COMMENT 'nats',
    routing Float32 COMMENT 'nats',
    muted Bool COMMENT 'a permitted party',
    payload String COMMENT 'JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY case_id
TTL toDateTime(updated_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
