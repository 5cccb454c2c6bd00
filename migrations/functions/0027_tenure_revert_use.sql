-- One usage event of a tenant, reverted in one round trip.
CREATE OR REPLACE FUNCTION tenure_revert_use(
    p_tenant text, p_catalog text, p_free_plan text, p_limited text, p_suspended text, p_customer text,
    p_meters text[], p_key text, p_quantity bigint
) RETURNS TABLE (outcome text, quantity bigint, released bigint, used jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('tenure.tenant', p_tenant, true);
    RETURN QUERY SELECT * FROM tenure_give_back(
        p_tenant, p_customer, p_meters, p_key, p_quantity, p_catalog, p_free_plan, p_limited, p_suspended);
END
$$
