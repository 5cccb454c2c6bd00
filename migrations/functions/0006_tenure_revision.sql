-- How often a catalog was published; NULL: never. Of the catalog of the day, which is asked for when the own is unknown.
CREATE FUNCTION tenure_revision(p_catalog text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT v.revision FROM catalog_versions v WHERE v.name = p_catalog);
END
$$
