-- By how much movements that were recorded from one moment until another change the cohorts of a tenant: what their
-- customers come to by all that was recorded until then, less what they came to by what was recorded before. Of a share
-- of the customers. A customer is of the month, plan and billing interval in which they first paid in the currency.
WITH changed AS (
    SELECT DISTINCT customer FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= :since AND recorded_at < :until
      AND (uuid_hash(customer) & 2147483647) % CAST(:shares AS integer) = :share
), known AS (
    SELECT sign, currency, before, after,
           date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date AS month,
           first_value(date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date) OVER began AS cohort,
           first_value(plan) OVER began AS plan, first_value(interval) OVER began AS interval,
           row_number() OVER began = 1 AND after > 0 AS is_first
    FROM changed
    JOIN mrr_movements AS movement USING (customer)
    CROSS JOIN (VALUES (1, CAST(:until AS timestamptz)), (-1, CAST(:since AS timestamptz))) AS versions (sign, until)
    WHERE tenant = :tenant AND recorded_at < versions.until
    WINDOW began AS (
        PARTITION BY sign, customer, currency ORDER BY after = 0, at, subscription, sequence, position
    )
)
SELECT currency, cohort, plan, interval, month,
       sum(sign * (after - before))::bigint AS delta,
       sum(sign * ((after > 0)::integer - (before > 0)::integer))::integer AS payers,
       coalesce(sum(sign * after) FILTER (WHERE is_first), 0)::bigint AS began_with,
       coalesce(sum(sign) FILTER (WHERE is_first), 0)::integer AS customers
FROM known
GROUP BY currency, cohort, plan, interval, month
