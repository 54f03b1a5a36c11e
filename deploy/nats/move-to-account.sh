#!/bin/sh
# move-to-account.sh JETSTREAM_DIR: what scripts/system/moveToAccount.ts does for `npm start`, in a container without Node.
# Before there were accounts the streams were in the default one, $G. It is one rename: done, or not begun.
set -eu
old=$1/\$G new=$1/JETSCRIBE
has_streams() { [ -n "$(ls -A "$1/streams" 2>/dev/null)" ]; }

has_streams "$old" || exit 0
if has_streams "$new"; then
  echo "nats: $old and $new both have streams: an older version ran on this volume after the newer one. Only one of them can be gone on with: move the other folder elsewhere" >&2
  exit 78
fi
rm -rf "$new"
mv "$old" "$new"
