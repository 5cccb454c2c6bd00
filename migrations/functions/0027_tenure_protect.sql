-- Who may do what with a table: called by the migration that creates it, and safe to repeat.
--
-- A table with a tenant gets row-level security, also for its owner: tenure_app sees the rows of the transaction's
-- tenant, tenure_system every row. A table without one belongs to the installation: tenure_app may read it.
CREATE OR REPLACE FUNCTION tenure_protect(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_name text := (SELECT relname FROM pg_class WHERE oid = p_table);
    v_check text := 'ck_' || v_name || '_tenant';
    v_has_tenant boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = p_table AND attname = 'tenant' AND NOT attisdropped);
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tenure_system', p_table);
    IF NOT v_has_tenant THEN
        EXECUTE format('GRANT SELECT ON %s TO tenure_app', p_table);
        RETURN;
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tenure_app', p_table);
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = p_table AND conname = v_check) THEN
        -- Validated later: that reads every row, while others go on writing.
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (tenant <> '''') NOT VALID', p_table, v_check);
    END IF;
    -- The setting is empty, not unset, in a connection that has set it in an earlier transaction.
    EXECUTE format('DROP POLICY IF EXISTS own_tenant ON %s', p_table);
    EXECUTE format(
        'CREATE POLICY own_tenant ON %s TO tenure_app USING (tenant = current_setting(''tenure.tenant'', true)) '
        'WITH CHECK (tenant = current_setting(''tenure.tenant'', true))', p_table);
    EXECUTE format('DROP POLICY IF EXISTS every_tenant ON %s', p_table);
    EXECUTE format('CREATE POLICY every_tenant ON %s TO tenure_system USING (true) WITH CHECK (true)', p_table);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
END
$$
