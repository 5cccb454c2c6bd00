#!/bin/sh
# Backs Tenure's database up into a folder, and brings the list of erased customers there up to date:
#
#   TENURE_DATABASE_URL=... TENURE_ERASURES_FILE=/backups/erasures.jsonl deploy/backup.sh /backups
#
# The login of the address has to see every tenant, as that of the workers does.
# The list has to outlive the database: erasures since a backup are found nowhere else once that backup is restored.
set -eu
folder=${1:?usage: deploy/backup.sh FOLDER}
: "${TENURE_DATABASE_URL:?set it: the database to back up}"
: "${TENURE_ERASURES_FILE:?set it: the list of erased customers, as the API writes it}"

mkdir -p "$folder"
dump="$folder/tenure-$(date -u +%Y%m%dT%H%M%SZ).dump"
pg_dump --enable-row-security --format=custom --no-owner --file="$dump.part" "$TENURE_DATABASE_URL"
mv "$dump.part" "$dump"
# Those of before the setting are in the database alone; a customer who is listed twice does no harm.
tenure erasures export >> "$TENURE_ERASURES_FILE"
echo "$dump"
