-- Adds what a subscription has changed by to `mrr_standing`, where nobody waits for anybody: every change is a row of
-- its own, until a roll-up adds the rows up.
CREATE OR REPLACE FUNCTION tenure_keep_standing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO mrr_standing (
        tenant, currency, plan, interval, status, annual, committed, at_risk, paused, trialing, paying_customers,
        free_customers, trialing_customers)
    SELECT tenant, currency, plan, interval, status, sum(annual), sum(committed), sum(at_risk), sum(paused),
        sum(trialing), sum(paying_customers), sum(free_customers), sum(trialing_customers)
    FROM (
        SELECT NEW.tenant, NEW.currency, NEW.plan, NEW.interval, NEW.status, own.*
        FROM tenure_standing_of(NEW) AS own
        WHERE TG_OP <> 'DELETE'
        UNION ALL
        SELECT OLD.tenant, OLD.currency, OLD.plan, OLD.interval, OLD.status, -annual, -committed, -at_risk, -paused,
            -trialing, -paying_customers, -free_customers, -trialing_customers
        FROM tenure_standing_of(OLD)
        WHERE TG_OP <> 'INSERT'
    ) AS changed
    GROUP BY 1, 2, 3, 4, 5
    HAVING (sum(annual), sum(committed), sum(at_risk), sum(paused), sum(trialing), sum(paying_customers),
            sum(free_customers), sum(trialing_customers)) <> (0, 0, 0, 0, 0, 0, 0, 0);
    RETURN NULL;
END
$$
