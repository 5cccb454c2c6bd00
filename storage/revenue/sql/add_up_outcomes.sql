-- What has changed, added to its days. What is written meanwhile is not seen, and stays.
WITH gone AS (
    DELETE FROM outcome_changes RETURNING *
)
INSERT INTO outcome_daily (tenant, fact, day, currency, plan, parts, count, amount)
SELECT tenant, fact, (at AT TIME ZONE CAST(:timezone AS text))::date AS day, currency, plan, parts, sum(count),
       sum(amount)
FROM gone
GROUP BY 1, 2, 3, 4, 5, 6
HAVING (sum(count), sum(amount)) <> (0, 0)
-- In one order: two at once must not wait for each other.
ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (tenant, fact, day, currency, plan, parts)
DO UPDATE SET count = outcome_daily.count + excluded.count, amount = outcome_daily.amount + excluded.amount
