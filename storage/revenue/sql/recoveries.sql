-- What came of the recoveries that began in each period, of all plans or one, together or told apart.
SELECT
    date_trunc(:interval, began_at AT TIME ZONE CAST(:timezone AS text))::date AS period,
    CASE :group
        WHEN 'plan' THEN plan
        WHEN 'decline_code' THEN decline_code
        WHEN 'tries' THEN tries::text
        WHEN 'by' THEN coalesce("by", '')
        ELSE ''
    END AS "group",
    is_first_payment, outcome, count(*) AS count, sum(amount)::bigint AS amount
FROM recoveries
WHERE tenant = :tenant AND currency = :currency AND :plan IN ('', plan)
  AND began_at >= CAST(:first AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
  AND began_at < CAST(:beyond AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
GROUP BY 1, 2, 3, 4
