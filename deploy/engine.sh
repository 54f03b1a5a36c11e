#!/usr/bin/env bash
# A Docker engine with Compose for a Debian machine that has none: for CI, where there is no systemd to start one.
# `engine.sh start` brings what is missing (it needs root) and starts it; its failure says why there is none.
# `engine.sh stop` ends what `start` started.
set -euo pipefail
cd "$(dirname "$0")/.."
pidfile=$PWD/.local/dockerd.pid
log=$PWD/.local/dockerd.log
plugins=/usr/local/lib/docker/cli-plugins

works() { docker version >/dev/null 2>&1; }
has_compose() { docker compose version >/dev/null 2>&1; }
fail() {
  echo "$1" >&2
  exit 1
}

start() {
  works && has_compose && return
  [ "$(id -u)" = 0 ] || fail "there is no Docker engine with Compose, and only root can install one"
  command -v dockerd >/dev/null || install_engine
  has_compose || install_compose
  works || start_daemon
}

install_engine() {
  command -v apt-get >/dev/null || fail "there is no Docker engine, and this is no Debian to install it on"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends docker.io >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io >/dev/null; } ||
    fail "docker.io can't be installed"
}

# Debian's own may be the one in Python: this one is unpacked, and linked where every user's client looks.
install_compose() {
  local file
  file=$(node deploy/find-program.mjs docker-compose | tail -n 1 | cut -d' ' -f1)
  [ -x "$file" ] || fail "the Compose plugin can't be had"
  mkdir -p "$plugins" && cp "$file" "$plugins/docker-compose"
}

start_daemon() {
  mkdir -p "$(dirname "$log")"
  setsid dockerd >"$log" 2>&1 </dev/null &
  echo $! >"$pidfile"
  for _ in $(seq 300); do
    works && return
    kill -0 "$(cat "$pidfile")" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 5 "$log" >&2
  stop
  fail "the Docker engine does not start here"
}

stop() {
  [ -e "$pidfile" ] || return 0
  local pid
  pid=$(cat "$pidfile")
  rm -f "$pidfile"
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -KILL "$pid" 2>/dev/null || true
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *) fail "usage: engine.sh start|stop" ;;
esac
