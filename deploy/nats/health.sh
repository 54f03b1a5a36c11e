#!/bin/sh
# Healthy while nats-server takes what it is sent. After a full disk it does so again only once it is started anew: where
# there is room it is ended here, once a minute at most, and Docker starts the container again.
set -eu
# With what it says beside a 503, which wget keeps to itself.
ask() { printf 'GET %s HTTP/1.0\r\n\r\n' "$1" | nc -w 5 127.0.0.1 8222; }

wget -q -O - http://127.0.0.1:8222/healthz && exit 0
# While it loads its streams it isn't healthy either, and must not be ended.
said=$(ask /healthz)
echo "$said"
case $said in *"write error"*) ;; *) exit 1 ;; esac
ask /varz | grep -q '"uptime": "[0-9]*s"' && exit 1
# 64 MiB, as for `npm start`.
[ "$(df -Pk /data | awk 'NR == 2 { print $4 }')" -lt 65536 ] || kill 1
exit 1
