-- How many customers moved how in each period; of those who left also by why, under the empty reason all of them.
SELECT
    date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date AS period,
    CASE WHEN :plan = '' OR from_plan IN ('', plan) THEN kind WHEN plan = :plan THEN 'entering' ELSE 'leaving' END
        AS moved,
    CASE GROUPING(coalesce(end_kind, '')) WHEN 0 THEN coalesce(end_kind, '') END AS end_kind,
    count(DISTINCT customer) AS customers
FROM mrr_movements
WHERE tenant = :tenant AND currency = :currency AND (:plan = '' OR :plan IN (plan, from_plan))
  AND at >= CAST(:first AS date)::timestamp AT TIME ZONE CAST(:timezone AS text) AND at < CAST(:beyond AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
GROUP BY GROUPING SETS ((1, 2), (1, 2, coalesce(end_kind, '')))
