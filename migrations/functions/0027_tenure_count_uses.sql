-- Many usage events of a tenant in one transaction, each by itself. All from p_customers on are arrays. Ordered by
-- customer, meter and time, so that two batches hardly ever wait for each other.
CREATE OR REPLACE FUNCTION tenure_count_uses(
    p_tenant text, p_catalog text, p_free_plan text, p_limited text, p_suspended text, p_customers text[],
    p_meters text[], p_actions text[], p_quantities bigint[], p_keys text[], p_at timestamptz[], p_reasons text[],
    p_actors text[]
) RETURNS TABLE (
    number bigint, outcome text, moment timestamptz, customer_id text, subscription text, status text, access text,
    own_plan text, basis text, plan text, catalog text, revision bigint, add_ons jsonb, quantity int,
    period_start timestamptz, period_end timestamptz, is_billed boolean, by_use jsonb, billed_every text,
    noticed boolean, feature text, included bigint, ceiling bigint, before bigint, used bigint, starts timestamptz,
    ends timestamptz, over_since timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('tenure.tenant', p_tenant, true);
    RETURN QUERY
    SELECT number, (counted).*
    FROM (
        SELECT
            e.number,
            tenure_use(
                p_tenant, e.customer, e.meter, e.action, e.quantity, e.key, e.at, e.reason, e.actor, p_catalog,
                p_free_plan, p_limited, p_suspended
            ) AS counted
        FROM (
            SELECT * FROM unnest(
                p_customers, p_meters, p_actions, p_quantities, p_keys, p_at, p_reasons, p_actors
            ) WITH ORDINALITY AS given (customer, meter, action, quantity, key, at, reason, actor, number)
            ORDER BY customer, meter, coalesce(at, statement_timestamp()), number
        ) e
    ) each;
END
$$
