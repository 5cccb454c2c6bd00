-- What came of the recoveries that began in each period, of all plans or one, together or told apart. Once they were
-- counted, by days and what has changed since; before, by themselves.
WITH counted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM installation WHERE name = 'outcomes_counted' AND value = :timezone) AS is_so
), facts AS (
    SELECT day, plan, parts, count, amount
    FROM outcome_daily
    WHERE tenant = :tenant AND fact = 'recovery' AND currency = :currency
      AND day >= CAST(:first AS date) AND day < CAST(:beyond AS date) AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, plan, parts, count, amount
    FROM outcome_changes
    WHERE tenant = :tenant AND fact = 'recovery' AND currency = :currency AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.plan, own.parts, 1, own.amount
    FROM recoveries AS r, tenure_facts_of(r) AS own
    WHERE r.tenant = :tenant AND r.currency = :currency AND NOT (SELECT is_so FROM counted)
)
SELECT
    date_trunc(:interval, day)::date AS period,
    CASE :group
        WHEN 'plan' THEN plan
        WHEN 'decline_code' THEN parts[3]
        WHEN 'tries' THEN parts[4]
        WHEN 'by' THEN parts[5]
        ELSE ''
    END AS "group",
    parts[2] = 'first' AS is_first_payment, parts[1] AS outcome, sum(count)::bigint AS count,
    sum(amount)::bigint AS amount
FROM facts
WHERE :plan IN ('', plan) AND day >= CAST(:first AS date) AND day < CAST(:beyond AS date)
GROUP BY 1, 2, 3, 4
HAVING sum(count) <> 0
