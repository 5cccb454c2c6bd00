-- The cancellations that were asked for in each period, of all plans or one, together or told apart.
SELECT
    date_trunc(:interval, asked_at AT TIME ZONE CAST(:timezone AS text))::date AS period,
    CASE :group
        WHEN 'plan' THEN plan
        WHEN 'reason_code' THEN coalesce(nullif(reason_code, ''), 'none')
        ELSE ''
    END AS "group",
    "by", reason_code, status = 'trialing' AS on_trial, coalesce(retained_by, '') AS retained_by,
    ended_at IS NOT NULL AS has_ended, count(*) AS count
FROM cancellations
WHERE tenant = :tenant AND :plan IN ('', plan)
  AND asked_at >= CAST(:first AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
  AND asked_at < CAST(:beyond AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
GROUP BY 1, 2, 3, 4, 5, 6, 7
