-- A person may also say that what one case joined does not belong together (entity_kind 'link').
ALTER TABLE labels MODIFY COLUMN IF EXISTS verdict Enum8('distilling' = 1, 'benign' = 2, 'reseller' = 3, 'split' = 4);
