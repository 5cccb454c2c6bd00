-- Days, months and years with movements whose customers are not counted yet.
DELETE FROM mrr_movers AS movers
USING (
    SELECT DISTINCT tenant, length, date_trunc(length, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    CROSS JOIN (VALUES ('day'), ('month'), ('year')) AS lengths (length)
    WHERE recorded_at >= :since AND recorded_at < :until
) AS changed
WHERE movers.tenant = changed.tenant AND movers.length = changed.length AND movers.month = changed.first_day
