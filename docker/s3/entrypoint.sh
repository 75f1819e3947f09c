#!/bin/bash
# Makes a fresh one-node Ceph cluster with an S3 gateway on port 9000 and one user, whose keys are
# S3_ACCESS_KEY and S3_SECRET_KEY. Prints READY when the gateway answers; ends when any part ends.
set -euo pipefail
: "${S3_ACCESS_KEY:?}" "${S3_SECRET_KEY:?}"

data=/srv/ceph
uuid() { cat /proc/sys/kernel/random/uuid; }
key() { ceph-authtool "$data/keyring" --gen-key "$@" >/dev/null; }
# wait_for SECONDS COMMAND…: until it succeeds
wait_for() {
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > deadline)); then
      echo "entrypoint: gave up waiting for: $*" >&2
      tail -n 20 "$data"/*.log >&2
      exit 1
    fi
    sleep 0.2
  done
}
osd_is_up() { ceph osd stat | grep -q '1 up'; }

rm -rf "${data:?}"/*
mkdir "$data/mon" "$data/osd" "$data/rgw"
fsid=$(uuid)
export CEPH_ARGS="--fsid $fsid"

key --create-keyring -n mon. --cap mon 'allow *'
key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
monmaptool --create --clobber --addv a '[v2:127.0.0.1:6789]' --fsid "$fsid" "$data/monmap" >/dev/null
ceph-mon -i a --mkfs --monmap "$data/monmap" --keyring "$data/keyring"
ceph-mon -i a -f &

osd=$(uuid)
timeout 60 ceph osd new "$osd" >/dev/null
ceph-osd -i 0 --mkfs --osd-uuid "$osd"
ceph-osd -i 0 -f &
wait_for 60 osd_is_up

radosgw -n client.rgw -f &
wait_for 120 curl --silent --fail http://127.0.0.1:9000/
radosgw-admin -n client.rgw user create --uid=ops --display-name=ops \
  --access-key="$S3_ACCESS_KEY" --secret-key="$S3_SECRET_KEY" >/dev/null
touch "$data/ready"
echo READY
wait -n
