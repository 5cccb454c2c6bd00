#!/bin/sh
# Backs Tenure's database up into a folder, checks the dump, brings the list of erased customers up to date, and
# removes dumps that are older than TENURE_BACKUP_DAYS (default 35; the newest one always stays):
#
#   TENURE_DATABASE_URL=... TENURE_ERASURES_FILE=/erasures/erasures.jsonl deploy/backup.sh /backups
#
# The login of the address is the owner of the tables, as for `tenure migrate`. Needs PostgreSQL's client programs, of
# the server's version or newer, and the `tenure` command.
# The list has to outlive the database: erasures since a backup are found nowhere else once that backup is restored.
set -eu
folder=${1:?usage: deploy/backup.sh FOLDER}
: "${TENURE_DATABASE_URL:?set it: the database to back up}"
: "${TENURE_ERASURES_FILE:?set it: the list of erased customers, as the API writes it}"
days=${TENURE_BACKUP_DAYS:-35}
case $days in '' | *[!0-9]*) echo "TENURE_BACKUP_DAYS is not a number of days: $days" >&2; exit 1 ;; esac
# It is this script's own: `tenure` refuses a setting that it does not know.
unset TENURE_BACKUP_DAYS

# A dump leaves out, and says nothing of it, what row security hides from this login: each table by itself, also a
# partition, needs a policy that shows it all its rows.
hidden=$(psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$TENURE_DATABASE_URL" --command="
    SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND row_security_active(pg_class.oid)
        AND NOT EXISTS (
            SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive AND polcmd IN ('r', '*')
                AND pg_get_expr(polqual, polrelid) = 'true'
                AND EXISTS (SELECT FROM unnest(polroles) role WHERE role = 0 OR pg_has_role(role, 'USAGE')))")
if [ -n "$hidden" ]; then
    echo "the dump would lack rows of $hidden: run \`tenure migrate\`, and back up with the login that it has" >&2
    exit 1
fi

umask 077
mkdir -p "$folder"
dump="$folder/tenure-$(date -u +%Y%m%dT%H%M%SZ).dump"
trap 'rm -f "$dump.part" "$dump.list"' EXIT
pg_dump --enable-row-security --format=custom --no-owner --file="$dump.part" "$TENURE_DATABASE_URL"
# Read to its end: a dump that was cut off, as on a full disk, must not count as a backup.
pg_restore --file=/dev/null "$dump.part"
pg_restore --list "$dump.part" > "$dump.list"
for table in subscriptions customers journal invoices alembic_version; do
    grep -q "TABLE DATA public $table " "$dump.list" || { echo "the dump has no table $table" >&2; exit 1; }
done
# Those of before the setting are in the database alone; a customer who is listed twice does no harm. A dump without them
# is none: whoever restored it would have them back.
tenure erasures export >> "$TENURE_ERASURES_FILE"
mv "$dump.part" "$dump"
(cd "$folder" && sha256sum "$(basename "$dump")" > "$(basename "$dump").sha256")
find "$folder" -name 'tenure-*.dump*' -mtime "+$days" ! -name "$(basename "$dump")*" -exec rm -f {} +
echo "$dump"
