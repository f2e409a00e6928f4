-- How many events each way in of `collect` brought, by the minute in which they were sent to Kafka: what the silence of a feed is judged by
-- (models/evidence/feed_silence.py). Event time would not do: a backfill is no life sign. 60 days: the judgement remembers four weeks.
CREATE TABLE IF NOT EXISTS arrivals
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    feed LowCardinality(String) COMMENT 'http, requests-raw, stdin or file',
    events UInt64
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (feed, minute)
TTL minute + INTERVAL 60 DAY
SETTINGS non_replicated_deduplication_window = 10000;
