#!/bin/sh
# issue-certificate.sh NAME DAYS SAN…: a server certificate from the stack's own authority, as NAME.crt
# and NAME.key in the folder of secrets. It began yesterday; with DAYS below 0 it has expired.
set -eu
umask 077
cd /secrets
name=$1 days=$2
shift 2
names=$(printf ',DNS:%s' "$@")
date_in() { date --utc --date="$1 days" +%Y%m%d%H%M%SZ; }
openssl req -x509 -CA ca.crt -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -subj "/CN=$1" -addext "subjectAltName=${names#,}" -addext basicConstraints=critical,CA:FALSE \
  -addext extendedKeyUsage=serverAuth \
  -not_before "$(date_in "$((days < 0 ? days - 30 : -1))")" -not_after "$(date_in "$days")" \
  -keyout "$name.key.new" -out "$name.crt.new" 2>/dev/null
mv "$name.key.new" "$name.key"
mv "$name.crt.new" "$name.crt"
