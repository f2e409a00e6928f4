-- What people decided ends after three years; a case under legal hold ends with the hold, and not before.
ALTER TABLE labels MODIFY TTL toDateTime(time) + INTERVAL 1095 DAY;
ALTER TABLE cases MODIFY TTL toDateTime(updated_at) + INTERVAL 400 DAY DELETE WHERE NOT JSONHas(payload, 'hold', 'verdict');
