#!/bin/bash
# Asks PgBouncer whether it speaks TLS (the protocol's SSLRequest): any answer shows that its event
# loop turns, and no password is needed.
exec 3<>"/dev/tcp/127.0.0.1/${PGBOUNCER_PORT:-6432}" || exit 1
printf '\x00\x00\x00\x08\x04\xd2\x16\x2f' >&3
read -r -t 3 -N 1 answer <&3
[[ $answer == [SN] ]]
