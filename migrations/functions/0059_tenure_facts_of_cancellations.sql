-- The same of a cancellation, when it was asked for.
CREATE OR REPLACE FUNCTION tenure_facts_of(c cancellations)
RETURNS TABLE (fact text, at timestamptz, currency text, plan text, parts text[], amount bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'cancellation', c.asked_at, '', c.plan, ARRAY[
        c."by",
        c.reason_code,
        CASE WHEN c.status = 'trialing' THEN 'trial' ELSE '' END,
        coalesce(c.retained_by, ''),
        CASE WHEN c.ended_at IS NOT NULL THEN 'ended' ELSE '' END
    ], 0::bigint
$$
