#!/usr/bin/env bash
# Backs up one database, then removes what the retention policy no longer keeps.
#
#   backup-postgres.sh DATABASE
#
# The store is OPS_STORE; the server and the user are libpq's PG* variables, the password is in
# ~/.pgpass or PGPASSWORD. OPS_RETENTION_POLICY is `keep 30d` unless it is set.
# Ends with 0; 1 when there is no new backup; 2 for bad usage; 3 when there is one, and retention
# found something (a day without a backup, an object that could not be deleted).
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: ${0##*/} DATABASE" >&2
  exit 2
fi

pg-backup create --dbname "$1" --wait --attempts 3
s3-retention apply --apply --policy "${OPS_RETENTION_POLICY:-keep 30d}"
