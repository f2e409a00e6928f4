-- What analysts decided about entities. Kept: they are the only ground truth there is, and few.
CREATE TABLE IF NOT EXISTS labels
(
    label_id String,
    time DateTime64(3, 'UTC'),
    entity_kind LowCardinality(String),
    entity_id String,
    verdict Enum8('distilling' = 1, 'benign' = 2, 'reseller' = 3),
    author LowCardinality(String),
    note String
)
ENGINE = ReplacingMergeTree(time)
ORDER BY label_id
SETTINGS non_replicated_deduplication_window = 10000;
