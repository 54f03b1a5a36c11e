#!/usr/bin/env bash
# Stand-ins for the official base images, for a Debian machine that reaches no image registry: made from Debian's
# packages and the registry's Node, under the official tags, and only where a tag is missing. What runs in them is the
# machine's own version of each program, and they hold its CA certificates: never push them.
# Needs a Docker engine, Node and npm; changes nothing on the machine but those tags and the folder .local/.
set -euo pipefail
cd "$(dirname "$0")/.."

NATS_TAG=${NATS_TAG:-nats:2-alpine}
OLD_NATS_TAG=${OLD_NATS_TAG:-nats:2.9-alpine} # for tests: the oldest that can be had
REDIS_TAG=${REDIS_TAG:-redis:7-alpine}
NODE_TAG=${NODE_TAG:-node:24-bookworm-slim}
BALANCER_TAG=${BALANCER_TAG:-haproxy:3.2-alpine}
ca=/etc/ssl/certs/ca-certificates.crt
path='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whether the image is missing.
missing() { ! docker image inspect "$1" >/dev/null 2>&1; }

# find NAME: sets `file` to the program and `libraries` to the folders of what it needs besides.
find() {
  read -r file libraries < <(node deploy/find-program.mjs "$1" | tail -n 1) && [ -e "$file" ]
}

# add ROOT FILE PLACE: a program at its place, and the shared libraries that it names at theirs.
add() {
  install -D -m755 "$2" "$1$3"
  (LD_LIBRARY_PATH=$libraries ldd "$2" 2>/dev/null || true) | grep -oE '/[^ ]+' | sort -u | while read -r library; do
    place=$library
    # What was unpacked somewhere belongs where the loader looks.
    case $library in "$PWD"/*) place=/usr/lib/$(uname -m)-linux-gnu/$(basename "$library") ;; esac
    install -D -m755 "$(readlink -f "$library")" "$1$place"
  done
}

# base ROOT: a shell with its tools, users, certificates.
base() {
  local root=$1 tool
  mkdir -p "$root"/{etc,tmp,root,bin,usr/bin,usr/local/bin,proc,sys,dev}
  chmod 1777 "$root/tmp"
  install -m755 "$busybox" "$root/bin/busybox"
  for tool in $("$busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$tool"; done
  ln -s /bin/busybox "$root/usr/bin/env"
  printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
  install -D -m644 "$ca" "$root$ca"
}

# entry ROOT PROGRAM: as in the official images, arguments alone are arguments of the program.
entry() {
  printf '#!/bin/sh\nset -e\ncase "$1" in -* | *.conf) set -- %s "$@" ;; esac\nexec "$@"\n' "$2" \
    >"$1/usr/local/bin/docker-entrypoint.sh"
  chmod +x "$1/usr/local/bin/docker-entrypoint.sh"
}

# make TAG ROOT INSTRUCTION...
make() {
  local tag=$1 root=$2 changes=() one
  shift 2
  for one in "$path" "$@"; do changes+=(--change "$one"); done
  tar -C "$root" -c . | docker import "${changes[@]}" - "$tag" >/dev/null
  echo "made $tag from this machine's packages" >&2
}

if missing "$NATS_TAG" || missing "$OLD_NATS_TAG" || missing "$REDIS_TAG" || missing "$NODE_TAG" || missing "$BALANCER_TAG"; then
  find busybox
  busybox=$file
fi

# nats TAG PROGRAM
nats() {
  local root=$work/$2
  base "$root"
  find "$2"
  add "$root" "$file" /usr/local/bin/nats-server
  entry "$root" nats-server
  make "$1" "$root" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["nats-server"]' 'EXPOSE 4222 6222 8222'
}

if missing "$NATS_TAG"; then nats "$NATS_TAG" nats-server; fi
if missing "$OLD_NATS_TAG"; then nats "$OLD_NATS_TAG" oldest-nats-server; fi

if missing "$REDIS_TAG"; then
  root=$work/redis
  base "$root"
  find redis-server
  add "$root" "$file" /usr/local/bin/redis-server
  add "$root" "$(dirname "$file")/redis-cli" /usr/local/bin/redis-cli
  install -d -o 999 -g 1000 "$root/data" # the official image's user and group
  entry "$root" redis-server
  make "$REDIS_TAG" "$root" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["redis-server"]' 'WORKDIR /data' \
    'VOLUME /data' 'EXPOSE 6379'
fi

if missing "$BALANCER_TAG"; then
  root=$work/haproxy
  base "$root"
  find haproxy
  add "$root" "$file" /usr/local/sbin/haproxy
  entry "$root" haproxy
  make "$BALANCER_TAG" "$root" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["haproxy"]'
fi

if missing "$NODE_TAG"; then
  root=$work/node
  base "$root"
  find node
  add "$root" "$file" /usr/local/bin/node
  # Native packages (pnpm, the engine) name more of the C library's files than Node does.
  dpkg -L libc6 libgcc-s1 libstdc++6 | grep -E '\.so(\.[0-9]+)*$' | while read -r library; do
    install -D -m755 "$(readlink -f "$library")" "$root$library"
  done
  # From its own place: `npm root --global` says where the Node that runs here would have it, which may be another one.
  npm=$(dirname "$(readlink -f "$(command -v npm)")")/..
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -aL "$npm" "$root/usr/local/lib/node_modules/npm"
  for command in npm npx; do ln -s "../lib/node_modules/npm/bin/$command-cli.js" "$root/usr/local/bin/$command"; done
  install -d -o 1000 -g 1000 "$root/home/node"
  make "$NODE_TAG" "$root" "ENV NODE_EXTRA_CA_CERTS=$ca" 'CMD ["node"]'
fi
