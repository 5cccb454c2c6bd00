-- Months with movements that are not counted yet.
DELETE FROM mrr_movers AS movers
USING (
    SELECT DISTINCT tenant, date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date AS month
    FROM mrr_movements
    WHERE recorded_at >= :since AND recorded_at < :until
) AS changed
WHERE movers.tenant = changed.tenant AND movers.month = changed.month
