#!/bin/sh
# ngrok's agent before the gateway. NGROK_URL is a domain of one's own; unset, ngrok chooses.
set -eu
if [ -z "${NGROK_AUTHTOKEN:-}" ]; then
  echo "NGROK_AUTHTOKEN is not set. It stands at https://dashboard.ngrok.com/get-started/your-authtoken; put it into .env." >&2
  exit 78
fi
# Without inspection: it would keep calls, prompts and keys with them, in its memory.
exec ngrok http "$UPSTREAM" --traffic-policy-file=/etc/jetscribe/policy.json --inspect=false \
  --log=stdout --log-format=logfmt ${NGROK_URL:+"--url=$NGROK_URL"} "$@"
