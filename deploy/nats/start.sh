#!/bin/sh
# nats-server with the durability that was asked for: DURABILITY=machine (also where unset) or process.
set -eu
case "${DURABILITY:-machine}" in
  machine) SYNC_INTERVAL=always ;;
  process) SYNC_INTERVAL='"1s"' ;;
  *)
    echo "nats: DURABILITY=$DURABILITY: expected machine or process" >&2
    exit 78
    ;;
esac
export SYNC_INTERVAL
sh /etc/jetscribe/move-to-account.sh /data/jetstream
exec nats-server -c /etc/jetscribe/nats.conf "$@"
