-- One scored entity a row, from `scores` blocks: evidence in nats, each family's part, each feature's value and share.
-- Order: an entity's history lies together; the projection serves "who scored high in the last hours" without reading whole days.
-- 90 days: a case may reach back a quarter.
-- Codecs as measured with 40 features: 306 bytes a row with LZ4 alone, 258 with ZSTD(1), 210 with ZSTD(3) on the maps.
-- The maps are made here, from one string of names and one of little-endian float32: cheap to send, unlike maps.
CREATE TABLE IF NOT EXISTS scores
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    entity_kind LowCardinality(String),
    entity_id String,
    requests Float32,
    extraction Float32 CODEC(ZSTD(1)),
    routing Float32 CODEC(ZSTD(1)),
    families Map(LowCardinality(String), Float32) DEFAULT mapFilter(
        (name, value) -> name != '' AND NOT isNaN(value),
        mapFromArrays(arrayResize(splitByChar(',', family_names), intDiv(length(family_values), 4)), reinterpret(family_values, 'Array(Float32)'))) CODEC(ZSTD(3)),
    features Map(LowCardinality(String), Float32) DEFAULT mapFilter(
        (name, value) -> name != '' AND NOT isNaN(value),
        mapFromArrays(arrayResize(splitByChar(',', feature_names), intDiv(length(feature_values), 4)), reinterpret(feature_values, 'Array(Float32)'))) CODEC(ZSTD(3)),
    nats Map(LowCardinality(String), Float32) DEFAULT mapFilter(
        (name, value) -> name != '' AND NOT isNaN(value),
        mapFromArrays(arrayResize(splitByChar(',', feature_names), intDiv(length(nat_values), 4)), reinterpret(nat_values, 'Array(Float32)'))) CODEC(ZSTD(3)),
    family_names LowCardinality(String) EPHEMERAL '',
    family_values String EPHEMERAL '',
    feature_names LowCardinality(String) EPHEMERAL '',
    feature_values String EPHEMERAL '',
    nat_values String EPHEMERAL '',
    PROJECTION by_time (SELECT time, entity_kind, entity_id, requests, extraction, routing ORDER BY time)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (entity_kind, entity_id, time)
TTL toDateTime(time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, deduplicate_merge_projection_mode = 'rebuild', non_replicated_deduplication_window = 10000;
