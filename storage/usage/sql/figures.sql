-- The last statistics of each period, of all plans and features or one.
WITH periods AS (
    SELECT first_day::date AS first_day
    FROM generate_series(CAST(:first AS date)::timestamp, CAST(:beyond AS date)::timestamp - interval '1 day',
                         CAST('1 ' || :interval AS interval)) AS first_day
), latest AS (
    SELECT first_day, (
        SELECT max(taken_at) FROM usage_statistics
        WHERE tenant = :tenant
          AND taken_at >= (first_day - 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
          AND taken_at < (first_day + 1 + CAST('1 ' || :interval AS interval)) AT TIME ZONE CAST(:timezone AS text)
          -- By its date: where clocks go back at midnight, it occurs twice.
          AND date_trunc(:interval, taken_at AT TIME ZONE CAST(:timezone AS text))::date = first_day
    ) AS taken_at
    FROM periods
)
SELECT latest.first_day, taken_at, plan, feature, customers, used, highest, near_limit AS at_80, at_limit AS at_100,
       at_90, active, limited, median, p90
FROM latest
JOIN usage_statistics USING (taken_at)
WHERE tenant = :tenant AND :plan IN ('', plan) AND :feature IN ('', feature)
ORDER BY latest.first_day, plan, feature
