-- Until when every movement that was recorded can be seen. A movement is recorded as of the start of its transaction:
-- so it is before the oldest one that still runs, and a little before now, as the latest may not be listed yet.
SELECT least(
    now() - interval '1 minute',
    (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
)
