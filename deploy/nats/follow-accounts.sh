#!/bin/sh
# follow-accounts.sh PID FILE SUM: has nats-server, the process PID, read its accounts anew where FILE is another one than
# that with SUM. Twice: what an account that comes again has in JetStream is found at the second reading only.
set -u
pid=$1 file=$2 last=$3

while sleep 1 && kill -0 "$pid"; do
  # While it is being replaced there may be none.
  now=$(md5sum <"$file") || continue
  [ "$now" != "$last" ] || continue
  last=$now
  kill -HUP "$pid"
  sleep 1
  kill -HUP "$pid"
done 2>/dev/null
