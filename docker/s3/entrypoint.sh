#!/bin/bash
# Runs a one-node Ceph cluster with an S3 gateway on port 9000 and one user, whose keys are S3_ACCESS_KEY and
# S3_SECRET_KEY (or the contents of S3_SECRET_KEY_FILE), and the bucket S3_BUCKET, if named.
# What /srv/ceph holds of an earlier run is kept. Prints READY when the gateway answers; ends when any part ends.
set -euo pipefail
access_key=${S3_ACCESS_KEY:?}
secret_key=${S3_SECRET_KEY:-$(cat "${S3_SECRET_KEY_FILE:?}")}

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
make_cluster() {
  rm -rf "${data:?}"/*
  mkdir "$data/mon" "$data/osd" "$data/rgw"
  fsid=$(uuid)
  key --create-keyring -n mon. --cap mon 'allow *'
  key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
  key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
  monmaptool --create --clobber --addv a '[v2:127.0.0.1:6789]' --fsid "$fsid" "$data/monmap" >/dev/null
  ceph-mon --fsid "$fsid" -i a --mkfs --monmap "$data/monmap" --keyring "$data/keyring"
  echo "$fsid" >"$data/fsid"
}
make_osd() {
  rm -rf "$data/osd"
  mkdir "$data/osd"
  osd=$(uuid)
  timeout 60 ceph osd new "$osd" >/dev/null
  ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  touch "$data/made"
}

rm -f "$data/ready" "$data"/*.log
if [ ! -e "$data/fsid" ]; then make_cluster; fi
CEPH_ARGS="--fsid $(cat "$data/fsid")"
export CEPH_ARGS
ceph-mon -i a -f &
if [ ! -e "$data/made" ]; then make_osd; fi
ceph-osd -i 0 -f &
wait_for 60 osd_is_up

radosgw -n client.rgw -f &
wait_for 120 curl --silent --fail http://127.0.0.1:9000/
as_admin() { radosgw-admin -n client.rgw "$@" --uid=ops --access-key="$access_key" --secret-key="$secret_key" >/dev/null; }
# A user that is there gets the keys beside those that it has.
as_admin user create --display-name=ops 2>/dev/null || as_admin key create --key-type=s3
if [ -n "${S3_BUCKET:-}" ]; then
  # The keys come by standard input, not by arguments.
  printf 'user = "%s:%s"\n' "$access_key" "$secret_key" |
    curl --silent --show-error --fail --config - --aws-sigv4 aws:amz:us-east-1:s3 \
      --request PUT "http://127.0.0.1:9000/$S3_BUCKET"
fi
touch "$data/ready"
echo READY
wait -n
