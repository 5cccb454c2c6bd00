-- How many movements there are on days with some that are not in the sums yet: as many are read to sum these days up.
SELECT count(*)
FROM mrr_movements
WHERE recorded_at < :until
  AND (tenant, (at AT TIME ZONE CAST(:timezone AS text))::date) IN (
      SELECT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date
      FROM mrr_movements
      WHERE recorded_at >= :since AND recorded_at < :until
  )
