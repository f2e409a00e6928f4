-- What people did at the desk: the audit of who decided what, and when. Kept three years, as labels.
CREATE TABLE IF NOT EXISTS actions
(
    action_id String,
    time DateTime64(3, 'UTC'),
    case_id String,
    kind LowCardinality(String),
    author LowCardinality(String),
    role LowCardinality(String),
    value String,
    note String,
    account_id String,
    signer LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (case_id, time, action_id)
TTL toDateTime(time) + INTERVAL 1095 DAY
SETTINGS non_replicated_deduplication_window = 10000;
-- What people decided to enforce, version by version; the newest of a decision counts (read with FINAL per decision and time).
CREATE TABLE IF NOT EXISTS enforcement
(
    decision_id String,
    time DateTime64(3, 'UTC'),
    state Enum8('proposed' = 1, 'approved' = 2, 'undone' = 3),
    case_id String,
    step LowCardinality(String),
    measure LowCardinality(String),
    rate Float64 COMMENT 'requests per minute of all accounts together, 0 for other measures',
    clause String,
    reason String,
    author LowCardinality(String),
    approver LowCardinality(String),
    starts DateTime64(3, 'UTC'),
    expires DateTime64(3, 'UTC'),
    payload String COMMENT 'JSON: the accounts and their keys' CODEC(ZSTD(3)),
    signer LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (decision_id, time)
TTL toDateTime(time) + INTERVAL 1095 DAY
SETTINGS non_replicated_deduplication_window = 10000;
