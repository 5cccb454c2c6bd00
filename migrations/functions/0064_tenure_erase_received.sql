-- Empties the bodies of events that `tenure_received` finds: a customer of another tenant than `default` is erased.
CREATE FUNCTION tenure_erase_received(p_customer_refs text[], p_agreement_refs text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_erased bigint;
BEGIN
    UPDATE webhook_inbox SET body = ''
    WHERE event_id = ANY (ARRAY(SELECT event_id FROM tenure_received(p_customer_refs, p_agreement_refs)));
    GET DIAGNOSTICS v_erased = ROW_COUNT;
    RETURN v_erased;
END
$$
