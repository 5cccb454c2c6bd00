-- The sums of these days, over everything that was recorded before: of a share of the customers at a time.
INSERT INTO mrr_daily (tenant, day, currency, kind, end_kind, plan, interval, from_plan, from_interval, before, after,
                       payers_before, payers_after)
SELECT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date, currency, kind, coalesce(end_kind, ''),
       plan, interval, from_plan, CASE WHEN from_interval = '' AND from_plan <> '' THEN interval ELSE from_interval END,
       sum(before), sum(after), count(*) FILTER (WHERE before > 0), count(*) FILTER (WHERE after > 0)
FROM mrr_movements
WHERE recorded_at < :until
  AND (uuid_hash(customer) & 2147483647) % CAST(:shares AS integer) = :share
  AND (tenant, (at AT TIME ZONE CAST(:timezone AS text))::date) IN (
      SELECT tenant, (at AT TIME ZONE CAST(:timezone AS text))::date
      FROM mrr_movements
      WHERE recorded_at >= :since AND recorded_at < :until
  )
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ON CONFLICT (tenant, day, currency, kind, end_kind, plan, interval, from_plan, from_interval)
DO UPDATE SET before = mrr_daily.before + excluded.before, after = mrr_daily.after + excluded.after,
              payers_before = mrr_daily.payers_before + excluded.payers_before,
              payers_after = mrr_daily.payers_after + excluded.payers_after
