-- What our own processes report about themselves, for the on-call board. 14 days: health is about now.
CREATE TABLE IF NOT EXISTS health
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    process LowCardinality(String),
    instance LowCardinality(String),
    metric LowCardinality(String),
    labels Map(LowCardinality(String), String) DEFAULT JSONExtract(sent_labels, 'Map(LowCardinality(String), String)'),
    value Float64 CODEC(ZSTD(1)),
    sent_labels String EPHEMERAL '{}' COMMENT 'a JSON object of strings'
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (metric, process, instance, time)
TTL toDateTime(time) + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
