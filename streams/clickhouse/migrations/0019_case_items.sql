-- A version of a case says what changed in its lists, so an item of them is a row that is written when it changes. Rows of before list all.
ALTER TABLE cases ADD COLUMN IF NOT EXISTS whole_version UInt64 DEFAULT version;
-- Kept for so much longer than a case as may pass until all of it is written again.
CREATE TABLE IF NOT EXISTS case_items
(
    case_id String,
    part LowCardinality(String) COMMENT 'members, owners, links, entities, merges or history',
    name String COMMENT 'account, linked entity, merged case or version',
    version UInt64,
    updated_at DateTime64(3, 'UTC'),
    value String COMMENT 'JSON, empty when the case no longer has it' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (case_id, part, name)
TTL toDateTime(updated_at) + INTERVAL 430 DAY
SETTINGS non_replicated_deduplication_window = 10000;
INSERT INTO case_items SELECT case_id, 'members', member.1, version, updated_at, member.2
FROM cases FINAL ARRAY JOIN JSONExtractKeysAndValuesRaw(payload, 'members') AS member;
INSERT INTO case_items SELECT case_id, 'owners', member.1, version, updated_at, member.2
FROM cases FINAL ARRAY JOIN JSONExtractKeysAndValuesRaw(payload, 'owners') AS member;
INSERT INTO case_items SELECT case_id, 'links', JSONExtractString(item, 'entity'), version, updated_at, item
FROM cases FINAL ARRAY JOIN JSONExtractArrayRaw(payload, 'links') AS item;
INSERT INTO case_items SELECT case_id, 'entities', JSONExtractString(item, 'entity'), version, updated_at, item
FROM cases FINAL ARRAY JOIN JSONExtractArrayRaw(payload, 'entities') AS item;
INSERT INTO case_items SELECT case_id, 'merges', JSONExtractString(item, 'case_id'), version, updated_at, item
FROM cases FINAL ARRAY JOIN JSONExtractArrayRaw(payload, 'merges') AS item;
INSERT INTO case_items SELECT case_id, 'history', toString(JSONExtractUInt(item, 'version')), version, updated_at, item
FROM cases FINAL ARRAY JOIN JSONExtractArrayRaw(payload, 'history') AS item;
-- What the lists of each case have now: who reads members, links or history of a case reads them here.
CREATE VIEW IF NOT EXISTS case_lists AS
SELECT case_id, part, name, value, version, updated_at
FROM case_items FINAL
INNER JOIN (SELECT case_id, argMax(whole_version, version) AS whole_version FROM cases GROUP BY case_id) AS heads USING case_id
WHERE version >= whole_version AND value != '';
