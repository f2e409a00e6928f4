-- How many lines and messages were set aside, by minute, place and reason; their text stays in the topic, blanked. 90 days.
CREATE TABLE IF NOT EXISTS dead_letters
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    reason LowCardinality(String),
    count UInt64
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (source, reason, minute)
TTL minute + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;
