#!/usr/bin/env bash
# Restores the latest backup of a database into a PostgreSQL of its own, and proves that everything
# came back. The result is left beside the backup, and as a page in the current folder.
#
#   test-restore.sh DATABASE
#
# The store is OPS_STORE. OPS_RPO (26h) is how old the backup may be, OPS_RTO (2h) how long a
# restore may take.
# Ends with 0 when the backup is proven, 3 when it is not, 1 when it could not be tried, 2 for bad usage.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: ${0##*/} DATABASE" >&2
  exit 2
fi

restore-verify run --of "$1" --rpo "${OPS_RPO:-26h}" --rto "${OPS_RTO:-2h}" --html "restore-of-$1.html"
