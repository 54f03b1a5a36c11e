#!/bin/sh
# Submit a prompt and wait for its outcome; read another one's text as it is written; cancel a third one. curl only.
#
#     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… sh examples/curl.sh
set -eu
url=${JETSCRIBE_URL:-http://127.0.0.1:8000}
key=${JETSCRIBE_KEY:-}

# A refusal ends the script. A call that fails in passing is made again, not before the server's Retry-After.
call() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --header "X-API-Key: $key" "$@"
}

# Has a request accepted, and prints the task's id. With its key the call makes one task, however often curl sends it.
submit() {
  call "$url/generate" \
    --header 'Content-Type: application/json' \
    --header "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
    --data "$1" |
    sed 's/.*"task_id":"\([^"]*\)".*/\1/'
}

short='{"prompt": "Once upon a time", "max_tokens": 32}'
long='{"prompt": "Once upon a time", "max_tokens": 400, "ignore_eos": true}'

task=$(submit "$short")
echo "accepted: $task"
# The call waits on the server. A task that takes longer is answered with 202, and the next call waits on.
call "$url/result/$task?wait=50"
echo

task=$(submit "$short")
echo "accepted: $task"
# Whoever connects again sends the last id as Last-Event-ID, and misses no text. curl does not do so by itself.
call --no-buffer "$url/stream/$task"

task=$(submit "$long")
echo "accepted: $task"
call --request POST "$url/cancel/$task"
echo
