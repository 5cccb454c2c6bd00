-- The cancellations that were asked for in each period, of all plans or one, together or told apart. Once they were
-- counted, by days and what has changed since; before, by themselves.
WITH counted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM installation WHERE name = 'outcomes_counted' AND value = :timezone) AS is_so
), facts AS (
    SELECT day, plan, parts, count
    FROM outcome_daily
    WHERE tenant = :tenant AND fact = 'cancellation'
      AND day >= CAST(:first AS date) AND day < CAST(:beyond AS date) AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, plan, parts, count
    FROM outcome_changes
    WHERE tenant = :tenant AND fact = 'cancellation' AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.plan, own.parts, 1
    FROM cancellations AS c, tenure_facts_of(c) AS own
    WHERE c.tenant = :tenant AND NOT (SELECT is_so FROM counted)
)
SELECT
    date_trunc(:interval, day)::date AS period,
    CASE :group
        WHEN 'plan' THEN plan
        WHEN 'reason_code' THEN coalesce(nullif(parts[2], ''), 'none')
        ELSE ''
    END AS "group",
    parts[1] AS "by", parts[2] AS reason_code, parts[3] = 'trial' AS on_trial, parts[4] AS retained_by,
    parts[5] = 'ended' AS has_ended, sum(count)::bigint AS count
FROM facts
WHERE :plan IN ('', plan) AND day >= CAST(:first AS date) AND day < CAST(:beyond AS date)
GROUP BY 1, 2, 3, 4, 5, 6, 7
HAVING sum(count) <> 0
