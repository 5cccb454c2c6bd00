-- How many movements a tenant's customers have of whom some were recorded from one moment until another: as many are read
-- to change their cohorts.
SELECT count(*)
FROM mrr_movements
WHERE tenant = :tenant AND recorded_at < :until
  AND customer IN (
      SELECT customer FROM mrr_movements WHERE tenant = :tenant AND recorded_at >= :since AND recorded_at < :until
  )
