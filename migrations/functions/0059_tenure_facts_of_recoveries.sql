-- The same of a recovery, when it began.
CREATE OR REPLACE FUNCTION tenure_facts_of(r recoveries)
RETURNS TABLE (fact text, at timestamptz, currency text, plan text, parts text[], amount bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'recovery', r.began_at, r.currency, r.plan, ARRAY[
        r.outcome,
        CASE WHEN r.is_first_payment THEN 'first' ELSE '' END,
        r.decline_code,
        r.tries::text,
        coalesce(r."by", '')
    ], r.amount
$$
