-- What there was at the end of each month with a movement, from the movements alone.
SELECT tenant, currency, month, sum(delta) OVER (PARTITION BY tenant, currency ORDER BY month)::bigint AS annual
FROM (
    SELECT tenant, currency, date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date AS month,
           sum(delta) AS delta
    FROM mrr_movements
    GROUP BY 1, 2, 3
) AS months
ORDER BY tenant, currency, month
