-- The customers of a tenant who match one of these patterns; NULL: there are more than the limit, or the index has
-- nothing to look the word up by.
--
-- By the rights of its owner, who sees every tenant, and so for the tenant that it is given: ILIKE could leak what it
-- compares, so that it is only tried on rows that row-level security has let pass, and never asked of an index. What
-- it returns are ids: the rows behind them are read under row-level security again.
CREATE FUNCTION tenure_find_customers(p_tenant text, p_word text, p_patterns text[], p_limit int) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
-- Of all ways there are to a page of a table, only the trigram index is bounded by what matches.
SET enable_seqscan = off SET enable_indexscan = off SET enable_bitmapscan = on
AS $$
DECLARE
    found uuid[];
BEGIN
    IF show_trgm(p_word) = '{}' THEN
        RETURN NULL;
    END IF;
    found := ARRAY(
        SELECT DISTINCT c.id FROM unnest(p_patterns) pattern, LATERAL (
            SELECT id FROM customers
            WHERE ARRAY[tenant] @> ARRAY[p_tenant]
                AND (external_id || chr(10) || email || chr(10) || coalesce(name, '') || chr(10)
                    || coalesce(customer_ref, '')) ILIKE pattern
            LIMIT p_limit + 1
        ) c
    );
    RETURN CASE WHEN cardinality(found) <= p_limit THEN found END;
END
$$
