-- The sums of these days, over everything that was recorded before.
INSERT INTO mrr_daily (tenant, day, currency, kind, end_kind, plan, interval, from_plan, from_interval, before, after,
                       payers_before, payers_after)
SELECT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date, currency, kind, coalesce(end_kind, ''),
       plan, interval, from_plan, CASE WHEN from_interval = '' AND from_plan <> '' THEN interval ELSE from_interval END,
       sum(before), sum(after), count(*) FILTER (WHERE before > 0), count(*) FILTER (WHERE after > 0)
FROM mrr_movements
WHERE recorded_at < :until
  AND (tenant, (at AT TIME ZONE CAST(:timezone AS text))::date) IN (
      SELECT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date
      FROM mrr_movements
      WHERE recorded_at >= :since AND recorded_at < :until
  )
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
