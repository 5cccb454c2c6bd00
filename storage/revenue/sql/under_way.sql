-- The transactions of this database that are under way. Whatever its login, each holds a lock on its own number, and
-- everyone may see who holds locks; when a transaction began, only those of the same login may.
SELECT now() AS at, coalesce(array_agg(DISTINCT virtualtransaction), '{}') AS under_way
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'virtualxid' AND datname = current_database() AND pid <> pg_backend_pid()
  AND usesysid IS NOT NULL  -- PostgreSQL's own, e.g. that vacuum, record nothing
