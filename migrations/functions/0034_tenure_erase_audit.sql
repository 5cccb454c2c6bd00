-- Empties what people wrote about these targets of a tenant, and what stood there before and after. The rows that say
-- who did what, and when, stay, and so does why the customer was erased. As the owner of the tables: no other role may
-- change them.
CREATE OR REPLACE FUNCTION tenure_erase_audit(p_tenant text, p_targets text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    v_erasing text := current_setting('tenure.erasing', true);
    v_erased bigint;
BEGIN
    PERFORM set_config('tenure.erasing', 'yes', true);
    UPDATE audit_details d SET
        reason = CASE WHEN a.action = 'eraseCustomer' THEN d.reason END,
        address = CASE WHEN a.action = 'eraseCustomer' THEN d.address END,
        before = NULL, after = NULL
    FROM audit a
    WHERE a.tenant = p_tenant AND a.target = ANY (p_targets) AND d.tenant = p_tenant AND d.audit_id = a.id;
    GET DIAGNOSTICS v_erased = ROW_COUNT;
    PERFORM set_config('tenure.erasing', coalesce(v_erasing, ''), true);
    RETURN v_erased;
END
$$
