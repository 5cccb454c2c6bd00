-- What the subscriptions with these ids are worth: a part of the first count of all.
INSERT INTO mrr_standing (
    tenant, currency, plan, interval, status, annual, committed, at_risk, paused, trialing, paying_customers,
    free_customers, trialing_customers)
SELECT tenant, currency, plan, interval, status, sum(annual), sum(committed), sum(at_risk), sum(paused), sum(trialing),
       sum(paying_customers), sum(free_customers), sum(trialing_customers)
FROM subscriptions, tenure_standing_of(subscriptions) AS own
WHERE subscriptions.id >= CAST(:first AS uuid) AND subscriptions.id <= CAST(:last AS uuid)
GROUP BY 1, 2, 3, 4, 5
