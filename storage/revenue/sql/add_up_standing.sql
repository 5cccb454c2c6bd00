-- One row for all that changed alike. What is written meanwhile is not seen, and stays.
WITH gone AS (
    DELETE FROM mrr_standing RETURNING *
)
INSERT INTO mrr_standing (
    tenant, currency, plan, interval, status, annual, committed, at_risk, paused, trialing, paying_customers,
    free_customers, trialing_customers)
SELECT tenant, currency, plan, interval, status, sum(annual), sum(committed), sum(at_risk), sum(paused), sum(trialing),
       sum(paying_customers), sum(free_customers), sum(trialing_customers)
FROM gone
GROUP BY 1, 2, 3, 4, 5
HAVING (sum(annual), sum(committed), sum(at_risk), sum(paused), sum(trialing), sum(paying_customers),
        sum(free_customers), sum(trialing_customers)) <> (0, 0, 0, 0, 0, 0, 0, 0)
