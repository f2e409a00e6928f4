-- Traffic by minute and model, filled by a view on `requests`: the boards' long view once the requests themselves have expired.
-- The target deduplicates too: without its own window a repeated batch would count twice here and once in `requests`.
-- 400 days: a year against the same month of the last one; no entity can be named from it.
CREATE TABLE IF NOT EXISTS usage_minute
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    request_model LowCardinality(String),
    requests SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    accounts AggregateFunction(uniq, String) COMMENT 'read with uniqMerge'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (request_model, minute)
TTL minute + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_minute_view TO usage_minute AS
SELECT
    toStartOfMinute(toDateTime(time, 'UTC')) AS minute,
    request_model,
    count() AS requests,
    sum(ifNull(requests.input_tokens, 0)) AS input_tokens,
    sum(ifNull(requests.output_tokens, 0)) AS output_tokens,
    uniqState(account_id) AS accounts
FROM requests
GROUP BY minute, request_model;
