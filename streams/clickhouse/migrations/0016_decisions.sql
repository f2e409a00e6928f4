-- A person may also join cases, take an account out of one, and take a label back; why something is benign is a code.
ALTER TABLE labels MODIFY COLUMN IF EXISTS verdict Enum8('distilling' = 1, 'benign' = 2, 'reseller' = 3, 'split' = 4, 'hold' = 5, 'release' = 6, 'merge' = 7, 'exclude' = 8, 'withdrawn' = 9);
ALTER TABLE labels ADD COLUMN IF NOT EXISTS reason LowCardinality(String);
