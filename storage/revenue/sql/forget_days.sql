-- Days with movements that are not in the sums yet.
DELETE FROM mrr_daily AS daily
USING (
    SELECT DISTINCT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date AS day
    FROM mrr_movements
    WHERE recorded_at >= :since AND recorded_at < :until
) AS changed
WHERE daily.tenant = changed.tenant AND daily.day = changed.day
