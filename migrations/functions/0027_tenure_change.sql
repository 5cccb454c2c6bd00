-- One data step of a migration, as the role that sees every tenant. How many rows it must change is counted first, by
-- a query for one number: a step that changes fewer, as when a policy hides rows from it, fails and is rolled back.
CREATE OR REPLACE FUNCTION tenure_change(p_counted text, p_change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_role text := current_setting('role');
    v_expected bigint;
    v_changed bigint;
BEGIN
    PERFORM set_config('role', 'tenure_system', true);
    EXECUTE p_counted INTO v_expected;
    EXECUTE p_change;
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    PERFORM set_config('role', v_role, true);
    IF v_changed < v_expected THEN
        RAISE EXCEPTION 'a data step changed % of % rows: %', v_changed, v_expected, p_change;
    END IF;
    RETURN v_changed;
END
$$
