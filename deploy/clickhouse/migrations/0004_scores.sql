-- One scored entity a row, from `scores` blocks: evidence in nats, each family's part, each feature's value and share.
-- Order: an entity's history lies together; the projection serves "who scored high in the last hours" without reading whole days.
-- 90 days: a case may reach back a quarter.
-- The maps are made here from one string of names and one of little-endian float32: 40 times cheaper to send than maps.
CREATE TABLE IF NOT EXISTS scores
(
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    entity_kind LowCardinality(String),
    entity_id String,
    requests Float32,
    extraction Float32,
    routing Float32,
    families Map(LowCardinality(String), Float32) DEFAULT CAST(
        arrayFilter(pair -> pair.1 != '' AND NOT isNaN(pair.2), arrayMap(
            (name, i) -> (name, reinterpretAsFloat32(substring(family_values, 4 * i - 3, 4))),
            splitByChar(',', family_names) AS families_names, arrayEnumerate(families_names))),
        'Map(LowCardinality(String), Float32)'),
    features Map(LowCardinality(String), Float32) DEFAULT CAST(
        arrayFilter(pair -> pair.1 != '' AND NOT isNaN(pair.2), arrayMap(
            (name, i) -> (name, reinterpretAsFloat32(substring(feature_values, 4 * i - 3, 4))),
            splitByChar(',', feature_names) AS features_names, arrayEnumerate(features_names))),
        'Map(LowCardinality(String), Float32)'),
    nats Map(LowCardinality(String), Float32) DEFAULT CAST(
        arrayFilter(pair -> pair.1 != '' AND NOT isNaN(pair.2), arrayMap(
            (name, i) -> (name, reinterpretAsFloat32(substring(nat_values, 4 * i - 3, 4))),
            splitByChar(',', feature_names) AS nats_names, arrayEnumerate(nats_names))),
        'Map(LowCardinality(String), Float32)'),
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
