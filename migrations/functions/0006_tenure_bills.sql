-- Whether one of these prices is the one that is named so, of any version: who has an old one keeps it.
CREATE FUNCTION tenure_bills(p_by_use jsonb, p_price text, p_every text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM jsonb_array_elements_text(p_by_use) name WHERE starts_with(name, p_price || '_' || p_every || '_v')
    );
END
$$
