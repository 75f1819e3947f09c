#!/bin/bash
# Asks PgBouncer whether it encrypts by GSSAPI (the protocol's GSSENCRequest), which it declines: the answer shows
# that its event loop turns, needs no password, and leaves no line in the log, as a broken-off TLS handshake would.
exec 3<>"/dev/tcp/127.0.0.1/${PGBOUNCER_PORT:-6432}" || exit 1
printf '\x00\x00\x00\x08\x04\xd2\x16\x30' >&3
read -r -t 3 -N 1 answer <&3
[[ $answer == N ]]
