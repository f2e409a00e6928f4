-- The indicator of others that a request matches (`hydrometer indicators list` says what it is); `none` where it was compared and matches none.
ALTER TABLE requests ADD COLUMN IF NOT EXISTS indicator LowCardinality(String) AFTER finish_reason;
