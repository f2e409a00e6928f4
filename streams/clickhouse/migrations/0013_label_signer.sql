-- Who vouches for the author of a label: `analyst/<author>`, by a key of their own; `analyst`, the desk; empty, from before labels were signed.
ALTER TABLE labels ADD COLUMN IF NOT EXISTS signer LowCardinality(String);
