-- Events of the payment provider that still have a body and are nobody's that is known, by the provider's ids of a
-- customer and of their subscriptions. Such events are of the tenant `default`, whoever they are about: by the rights of
-- the owner, who sees every tenant, for an export of a customer of another tenant.
CREATE FUNCTION tenure_received(p_customer_refs text[], p_agreement_refs text[]) RETURNS SETOF webhook_inbox
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT * FROM webhook_inbox
    WHERE tenant = 'default' AND body <> '' AND (
        customer_ref = ANY (p_customer_refs)
        OR customer_ref = '' AND object_id = ANY (p_customer_refs)
        OR customer_ref = '' AND agreement_ref = ANY (p_agreement_refs)
    )
$$
