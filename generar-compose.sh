#!/bin/sh
# Writes the compose file of a draw with N agencies: both services, the console and client1 … clientN. With N = 0 it has only the
# services, and config.yaml gives the number of agencies.
#
#   ./generar-compose.sh docker/compose.yaml 5
set -eu

misuse() {
  printf 'generar-compose.sh: %s\nusage: ./generar-compose.sh FILE N, for example ./generar-compose.sh docker/compose.yaml 5\n' "$1" >&2
  exit 64
}

# Escapes a path for double quotes in YAML, where compose replaces variables: \ " and $ are kept.
escaped() {
  printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/\$/$$/g'
}

[ $# -eq 2 ] || misuse "a file to write and the number of agencies are expected, not $# arguments"
file=$1
count=$2
case $count in
  0) ;;
  '' | 0* | *[!0-9]* | ???????*) misuse "N is \"$count\"; a whole number from 0 to 999999 is expected" ;;
esac
[ ! -d "$file" ] || misuse "FILE is \"$file\", a folder; the name of the file to write is expected"
is_regular=true
if [ -e "$file" ] && [ ! -f "$file" ]; then is_regular=false; fi
target=$file
if [ -L "$file" ] && $is_regular; then target=$(readlink -f -- "$file"); fi
folder=$(cd -- "$(dirname -- "$target")" 2>/dev/null && pwd -P) \
  || misuse "FILE is \"$file\" and there is no folder $(dirname -- "$file"); make it first"

# Compose resolves paths from the compose file's folder: relative if it is in the repository, otherwise absolute.
root=$(cd "$(dirname "$0")" && pwd -P)
case $folder/ in
  "$root"/*) root=.$(printf '%s' "${folder#"$root"}" | sed 's|/[^/]*|/..|g') ;;
esac
case $root$file in
  *'
'*) misuse "FILE or the path of this folder contains a line break, which a compose file cannot express" ;;
esac
case $root in
  *'}'*) misuse "the path of this folder contains }, which ends a variable in a compose file; write FILE inside it" ;;
esac

config=$(escaped "$root/config.yaml")
data=$(escaped "$root/data")
expected=
[ "$count" = 0 ] || expected="
      QUINIELA_AGENCIES: $count"

compose() {
  cat <<SERVICES
# A draw of $count agencies, written by: ./generar-compose.sh $file $count
#
# The environment sets only what containers change: paths, host names, the number of agencies. Everything else is in
# config.yaml, which is mounted: after a change, restart without building again. No port is published; the services and
# the agencies share a network of their own, and the console is on 127.0.0.1:12349 of this machine. They may start in any
# order, so none waits for another.
name: quiniela

# A missing file is an error; by default Docker would create an empty folder in its place.
x-existing: &existing
  create_host_path: false

x-config: &config
  type: bind
  source: "$(escaped "$root/config.yaml")"
  target: /quiniela/config.yaml
  read_only: true
  bind: *existing

# The control sockets and the operator's token.
x-control: &control
  type: volume
  source: control
  target: /quiniela/data/control

x-agency: &agency
  image: quiniela-agency
  pull_policy: never
  # podman's name server loses queries while containers start and stop: retry after one second, not five.
  dns_opt: ["timeout:1"]

x-agency-environment: &agency-environment
  QUINIELA_AGENCY_FILE: /quiniela/data/agency-{id}.csv
  QUINIELA_INGEST_ADDRESS: ingest:12345
  QUINIELA_WINNERS_ADDRESS: winners:12346

services:
  ingest:
    image: quiniela-ingest
    pull_policy: never
    restart: on-failure:5
    environment:$expected
      QUINIELA_DATA: /quiniela/data
      QUINIELA_INGEST_LISTEN: 0.0.0.0:12345
      # For validar-echo-server.sh.
      QUINIELA_DIALECTS_ECHO: 0.0.0.0:12356
    volumes:
      - *config
      - type: volume
        source: data
        target: /quiniela/data
      - *control
    # The service itself answers, on its control socket.
    healthcheck:
      test: [CMD-SHELL, "bet-ingest status --output json | grep -q '\\"source\\":\\"service\\"'"]
      interval: 10s

  winners:
    image: quiniela-winners
    pull_policy: never
    restart: on-failure:5
    environment:$expected
      QUINIELA_DATA: /quiniela/data
      QUINIELA_WINNERS_LISTEN: 0.0.0.0:12346
    volumes:
      - *config
      - type: volume
        source: data
        target: /quiniela/data
        read_only: true
      - *control
    healthcheck:
      test: [CMD-SHELL, "winners-service status --output json | grep -q '\\"isRunning\\":true'"]
      interval: 10s

  # On the host's network, so that its loopback address is the host's: nobody else reaches the page. It needs no network to
  # the services, only their sockets.
  console:
    image: quiniela-console
    pull_policy: never
    restart: on-failure:5
    network_mode: host
    environment:
      QUINIELA_DATA: /quiniela/data
      QUINIELA_CONSOLE_LISTEN: 127.0.0.1:12349
    volumes:
      - *config
      - type: volume
        source: data
        target: /quiniela/data
        read_only: true
      - *control
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - exec 3<>/dev/tcp/127.0.0.1/12349; printf 'GET /live HTTP/1.1\\r\\nHost:localhost\\r\\nConnection:close\\r\\n\\r\\n' >&3; grep -q live <&3
      interval: 10s

SERVICES
  [ "$count" = 0 ] || cat <<'NOTE'
  # An agency sees only its own file. Its reports about rows (<file>.invalid.csv, <file>.rejected.csv) are beside it in
  # the container until "down". Exit code 65 means that there are reports; "docker cp" copies them out.
NOTE
  id=1
  while [ "$id" -le "$count" ]; do
    cat <<AGENCY
  client$id:
    <<: *agency
    environment:
      <<: *agency-environment
      CLI_ID: $id
    volumes:
      - *config
      - type: bind
        source: "\${QUINIELA_DATASET:-$data}/agency-$id.csv"
        target: /quiniela/data/agency-$id.csv
        read_only: true
        bind: *existing

AGENCY
    id=$((id + 1))
  done
  printf 'volumes:\n  data:\n  control:\n'
}

# Written to a new file beside FILE and renamed, so that FILE is never partial; written directly if FILE is not regular.
if ! $is_regular; then
  compose >"$file"
else
  beside=$folder/.${target##*/}.$$
  trap 'rm -f -- "$beside"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  compose >"$beside"
  mv -f -- "$beside" "$folder/${target##*/}"
fi
