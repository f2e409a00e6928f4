-- A person may also say that a case is kept for a legal dispute, until it is released (entity_kind 'hold').
ALTER TABLE labels MODIFY COLUMN IF EXISTS verdict Enum8('distilling' = 1, 'benign' = 2, 'reseller' = 3, 'split' = 4, 'hold' = 5, 'release' = 6);
