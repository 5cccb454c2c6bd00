-- Days of which something else was counted than there is; none if nothing was counted yet, or by days of another zone.
WITH sides AS (
    SELECT tenant, fact, day, currency, plan, parts, count, amount
    FROM outcome_daily
    UNION ALL
    SELECT tenant, fact, (at AT TIME ZONE CAST(:timezone AS text))::date, currency, plan, parts, count, amount
    FROM outcome_changes
    UNION ALL
    SELECT o.tenant, own.fact, (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.currency, own.plan, own.parts,
           -1, -own.amount
    FROM subscription_outcomes AS o, tenure_facts_of(o) AS own
    UNION ALL
    SELECT r.tenant, own.fact, (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.currency, own.plan, own.parts,
           -1, -own.amount
    FROM recoveries AS r, tenure_facts_of(r) AS own
    UNION ALL
    SELECT c.tenant, own.fact, (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.currency, own.plan, own.parts,
           -1, -own.amount
    FROM cancellations AS c, tenure_facts_of(c) AS own
), differing AS (
    SELECT tenant, fact, day
    FROM sides
    GROUP BY tenant, fact, day, currency, plan, parts
    HAVING (sum(count), sum(amount)) <> (0, 0)
)
SELECT DISTINCT tenant, fact, day
FROM differing
WHERE EXISTS (SELECT FROM installation WHERE name = 'outcomes_counted' AND value = :timezone)
ORDER BY tenant, fact, day
