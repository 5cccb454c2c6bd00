-- Keys of what was recorded near the border of two months of the log.
DELETE FROM usage_border_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_border_keys
    WHERE border < now() - CAST(:age AS interval)
    LIMIT :batch
))
