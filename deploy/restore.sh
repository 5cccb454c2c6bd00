#!/bin/sh
# Restores a backup of deploy/backup.sh, and erases everybody from it who was erased since:
#
#   TENURE_DATABASE_URL=... TENURE_TEMPORAL_ADDRESS=... TENURE_TRIAL_KEY=... \
#   TENURE_ERASURES_FILE=/erasures/erasures.jsonl deploy/restore.sh /backups/tenure-20261129T213000Z.dump
#
# The login is the owner, as for `tenure migrate`. With TENURE_PAYLOAD_KEYS as well where they are set for the other
# processes. Stop the API and the workers before, and start them afterwards, as docs/backups.md says: nothing must read
# what was erased. A database that is in use is refused.
# What is in it is replaced; --replace says that this is wanted.
set -eu
replace=
[ "${1:-}" = --replace ] && { replace=yes; shift; }
dump=${1:?usage: deploy/restore.sh [--replace] DUMP}
: "${TENURE_DATABASE_URL:?set it: the database to restore into}"
: "${TENURE_ERASURES_FILE:?set it: the newest list of erased customers}"

ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1" "$TENURE_DATABASE_URL"; }

[ -r "$TENURE_ERASURES_FILE" ] || { echo "$TENURE_ERASURES_FILE cannot be read: who was erased would be back" >&2; exit 1; }
if [ -e "$dump.sha256" ]; then
    (cd "$(dirname "$dump")" && sha256sum --check --quiet "$(basename "$dump").sha256") \
        || { echo "$dump is not what was backed up" >&2; exit 1; }
fi
pg_restore --file=/dev/null "$dump"
# The kind of a connection is shown to its own login alone; that somebody's it is, to everybody. The server's own processes
# are nobody's.
others=$(ask "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND usesysid IS NOT NULL")
if [ "$others" -gt 0 ]; then
    echo "the database is in use by $others connections: stop the API and the workers" >&2
    exit 1
fi
if [ -z "$replace" ] && [ -n "$(ask "SELECT to_regclass('public.subscriptions')")" ]; then
    echo "the database has Tenure's tables: back it up as it is, then say --replace" >&2
    exit 1
fi

if [ -n "$replace" ]; then
    # Not only what is in the dump: a newer release may have made more.
    ask "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"
fi
# They belong to the server, not to the database.
for role in tenure_app tenure_system; do
    [ -n "$(ask "SELECT 1 FROM pg_roles WHERE rolname = '$role'")" ] || ask "CREATE ROLE $role"
done
pg_restore --no-owner --single-transaction --exit-on-error --dbname="$TENURE_DATABASE_URL" "$dump"
tenure migrate
tenure restored
tenure erasures apply "$TENURE_ERASURES_FILE"
