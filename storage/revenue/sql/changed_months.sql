-- The months with movements that are not in the sums yet.
SELECT DISTINCT date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date AS month
FROM mrr_movements
WHERE recorded_at >= :since AND recorded_at < :until
ORDER BY month
