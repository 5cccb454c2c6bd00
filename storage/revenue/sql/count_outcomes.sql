-- How trials, recoveries and cancellations of the subscriptions with these ids have come out: a part of the first count.
INSERT INTO outcome_daily (tenant, fact, day, currency, plan, parts, count, amount)
SELECT tenant, fact, (at AT TIME ZONE CAST(:timezone AS text))::date AS day, currency, plan, parts, count(*),
       sum(amount)
FROM (
    SELECT o.tenant, own.*
    FROM subscription_outcomes AS o, tenure_facts_of(o) AS own
    WHERE o.subscription >= CAST(:first AS uuid) AND o.subscription <= CAST(:last AS uuid)
    UNION ALL
    SELECT r.tenant, own.*
    FROM recoveries AS r, tenure_facts_of(r) AS own
    WHERE r.subscription >= CAST(:first AS uuid) AND r.subscription <= CAST(:last AS uuid)
    UNION ALL
    SELECT c.tenant, own.*
    FROM cancellations AS c, tenure_facts_of(c) AS own
    WHERE c.subscription >= CAST(:first AS uuid) AND c.subscription <= CAST(:last AS uuid)
) AS facts
GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (tenant, fact, day, currency, plan, parts)
DO UPDATE SET count = outcome_daily.count + excluded.count, amount = outcome_daily.amount + excluded.amount
