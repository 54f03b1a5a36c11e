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
# An `up` that makes other accounts, as another NAMESPACE or another version does, leaves this container running.
accounts=/etc/jetscribe/accounts/accounts.conf
sh /etc/jetscribe/follow-accounts.sh $$ "$accounts" "$(md5sum <"$accounts")" &
# In this shell's place: it gets the signals, and its exit code is the container's.
exec nats-server -c /etc/jetscribe/nats.conf "$@"
