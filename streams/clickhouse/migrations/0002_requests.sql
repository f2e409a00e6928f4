-- One normalised event a row, from `requests` blocks: what an analyst drills down into. No column can hold prompt text.
-- Order: an account's requests lie together, since drill-down is by account; days are the unit of expiry.
-- Unknown is NULL in numbers, '' in texts, 0 in hashes. ReplacingMergeTree: an event sent twice by a gateway is merged into one.
-- Codecs as measured on generated traffic: 129 bytes a row with LZ4 alone, 106 with these. What is left are hashes that differ in every
-- row (shingles 41, four others 8 each), which nothing compresses. Gorilla and DoubleDelta were worse than ZSTD and Delta here.
-- 30 days: long enough for a case, and the sketches (keyed, but derived from prompts) must not outlive their purpose.
CREATE TABLE IF NOT EXISTS requests
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    account_id String,
    -- who pays and who asks
    account_created Nullable(DateTime('UTC')) DEFAULT toDateTime(accurateCastOrNull(floor(sent_account_created), 'UInt32'), 'UTC'),
    organization_id LowCardinality(String),
    api_key UInt64,
    payment UInt64,
    end_user UInt64,
    -- where it comes from: the address itself stays in collect, only its network travels, keyed
    client_network UInt64,
    as_number Nullable(UInt32) DEFAULT accurateCastOrNull(sent_as_number, 'UInt32'),
    as_type LowCardinality(String),
    country LowCardinality(String),
    connection UInt64,
    -- the software that asks
    router UInt64,
    tls_ja4 LowCardinality(String),
    tls_ja3 LowCardinality(String),
    http_version LowCardinality(String),
    user_agent LowCardinality(String),
    header_names LowCardinality(String),
    accept_encoding LowCardinality(String),
    body_shape LowCardinality(String),
    sdk_language LowCardinality(String),
    sdk_version LowCardinality(String),
    sdk_runtime LowCardinality(String),
    -- how it went
    status Nullable(UInt16) DEFAULT accurateCastOrNull(sent_status, 'UInt16'),
    duration Nullable(Float32) DEFAULT if(isNaN(sent_duration), NULL, sent_duration) CODEC(ZSTD(1)),
    first_chunk Nullable(Float32) DEFAULT if(isNaN(sent_first_chunk), NULL, sent_first_chunk) CODEC(ZSTD(1)),
    -- what was asked for
    operation LowCardinality(String),
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    temperature Nullable(Float32) DEFAULT if(isNaN(sent_temperature), NULL, sent_temperature) CODEC(ZSTD(1)),
    top_p Nullable(Float32) DEFAULT if(isNaN(sent_top_p), NULL, sent_top_p) CODEC(ZSTD(1)),
    max_tokens Nullable(UInt32) DEFAULT accurateCastOrNull(sent_max_tokens, 'UInt32') CODEC(T64, ZSTD(1)),
    seeded Nullable(Bool) DEFAULT accurateCastOrNull(sent_seeded, 'UInt8') CODEC(ZSTD(1)),
    streamed Nullable(Bool) DEFAULT accurateCastOrNull(sent_streamed, 'UInt8') CODEC(ZSTD(1)),
    choice_count Nullable(UInt16) DEFAULT accurateCastOrNull(sent_choice_count, 'UInt16') CODEC(T64, ZSTD(1)),
    top_logprobs Nullable(UInt8) DEFAULT accurateCastOrNull(sent_top_logprobs, 'UInt8') CODEC(T64, ZSTD(1)),
    -- what it cost
    input_tokens Nullable(UInt32) DEFAULT accurateCastOrNull(sent_input_tokens, 'UInt32') CODEC(T64, ZSTD(1)),
    output_tokens Nullable(UInt32) DEFAULT accurateCastOrNull(sent_output_tokens, 'UInt32') CODEC(T64, ZSTD(1)),
    cached_tokens Nullable(UInt32) DEFAULT accurateCastOrNull(sent_cached_tokens, 'UInt32') CODEC(T64, ZSTD(1)),
    reasoning_tokens Nullable(UInt32) DEFAULT accurateCastOrNull(sent_reasoning_tokens, 'UInt32') CODEC(T64, ZSTD(1)),
    finish_reason LowCardinality(String),
    -- the shape of the conversation
    conversation UInt64,
    message_count Nullable(UInt16) DEFAULT accurateCastOrNull(sent_message_count, 'UInt16') CODEC(T64, ZSTD(1)),
    tool_count Nullable(UInt16) DEFAULT accurateCastOrNull(sent_tool_count, 'UInt16') CODEC(T64, ZSTD(1)),
    tool_hash UInt64,
    -- the keyed sketch of the prompt
    simhash UInt64,
    shingles Array(UInt64) DEFAULT arrayMap(i -> reinterpretAsUInt64(substring(sent_shingles, 8 * i + 1, 8)), range(intDiv(length(sent_shingles), 8))),
    template UInt64 CODEC(ZSTD(1)),
    system_template UInt64,
    topic Nullable(UInt16) DEFAULT accurateCastOrNull(sent_topic, 'UInt16') CODEC(T64, ZSTD(1)),
    language LowCardinality(String),
    asks_reasoning Nullable(Bool) DEFAULT accurateCastOrNull(sent_asks_reasoning, 'UInt8') CODEC(ZSTD(1)),
    asks_grading Nullable(Bool) DEFAULT accurateCastOrNull(sent_asks_grading, 'UInt8') CODEC(ZSTD(1)),
    asks_trajectory Nullable(Bool) DEFAULT accurateCastOrNull(sent_asks_trajectory, 'UInt8') CODEC(ZSTD(1)),
    known_corpus Nullable(Bool) DEFAULT accurateCastOrNull(sent_known_corpus, 'UInt8') CODEC(ZSTD(1)),
    -- what the store stage sends: NumPy cannot say NULL, so NaN travels and is turned into NULL here
    sent_account_created Float64 EPHEMERAL nan,
    sent_as_number Float32 EPHEMERAL nan,
    sent_status Float32 EPHEMERAL nan,
    sent_duration Float32 EPHEMERAL nan,
    sent_first_chunk Float32 EPHEMERAL nan,
    sent_temperature Float32 EPHEMERAL nan,
    sent_top_p Float32 EPHEMERAL nan,
    sent_max_tokens Float32 EPHEMERAL nan,
    sent_seeded Float32 EPHEMERAL nan,
    sent_streamed Float32 EPHEMERAL nan,
    sent_choice_count Float32 EPHEMERAL nan,
    sent_top_logprobs Float32 EPHEMERAL nan,
    sent_input_tokens Float32 EPHEMERAL nan,
    sent_output_tokens Float32 EPHEMERAL nan,
    sent_cached_tokens Float32 EPHEMERAL nan,
    sent_reasoning_tokens Float32 EPHEMERAL nan,
    sent_message_count Float32 EPHEMERAL nan,
    sent_tool_count Float32 EPHEMERAL nan,
    sent_shingles String EPHEMERAL '',
    sent_topic Float32 EPHEMERAL nan,
    sent_asks_reasoning Float32 EPHEMERAL nan,
    sent_asks_grading Float32 EPHEMERAL nan,
    sent_asks_trajectory Float32 EPHEMERAL nan,
    sent_known_corpus Float32 EPHEMERAL nan
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (account_id, time, event_id)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
