-- Adds what a row has changed by to `outcome_changes`, where nobody waits for anybody: every change is a row of its own,
-- until a roll-up adds it to its day.
CREATE OR REPLACE FUNCTION tenure_keep_outcomes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcome_changes (tenant, fact, at, currency, plan, parts, count, amount)
    SELECT tenant, fact, at, currency, plan, parts, sum(count), sum(amount)
    FROM (
        SELECT NEW.tenant, own.fact, own.at, own.currency, own.plan, own.parts, 1 AS count, own.amount
        FROM tenure_facts_of(NEW) AS own
        WHERE TG_OP <> 'DELETE'
        UNION ALL
        SELECT OLD.tenant, own.fact, own.at, own.currency, own.plan, own.parts, -1, -own.amount
        FROM tenure_facts_of(OLD) AS own
        WHERE TG_OP <> 'INSERT'
    ) AS changed
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING (sum(count), sum(amount)) <> (0, 0);
    RETURN NULL;
END
$$
