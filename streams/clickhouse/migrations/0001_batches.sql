-- Which offsets were written together: the store stage claims a range here before it writes the rows, so that a replay after a crash cuts
-- its batches at the same places whatever the timing, and ClickHouse recognises them by their tokens (streams/clickhouse/batch_writer.py).
-- The claim of a range is itself inserted under a token of its first offset: of two claimants exactly one row stays.
CREATE TABLE IF NOT EXISTS batches
(
    topic LowCardinality(String),
    partition UInt32,
    first UInt64,
    last UInt64,
    digest UInt64 COMMENT 'of the first record: a topic made anew starts at offset 0 again',
    claimed_at DateTime('UTC') DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (topic, partition, first)
TTL claimed_at + INTERVAL 15 DAY -- longer than Kafka keeps any topic that is not compacted
SETTINGS non_replicated_deduplication_window = 10000;
