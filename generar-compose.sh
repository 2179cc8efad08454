#!/usr/bin/env bash
# Writes the compose file of a draw with N agencies: both services and client1 … clientN.
#
#   ./generar-compose.sh docker/compose.yaml 5
set -euo pipefail

misuse() {
  printf 'generar-compose.sh: %s\nusage: ./generar-compose.sh FILE N, for example ./generar-compose.sh docker/compose.yaml 5\n' "$1" >&2
  exit 64
}

[ $# -eq 2 ] || misuse "a file to write and the number of agencies are expected, not $# arguments"
file=$1
count=$2
[[ $count =~ ^[1-9][0-9]{0,5}$ ]] \
  || misuse "N is \"$count\"; a whole number from 1 to 999999 is expected: a draw needs an agency"
[ ! -d "$file" ] || misuse "FILE is \"$file\", a folder; the name of the file to write is expected"
folder=$(cd "$(dirname "$file")" 2>/dev/null && pwd -P) \
  || misuse "FILE is \"$file\" and there is no folder $(dirname "$file"); make it first"

# Compose takes paths from the compose file's folder: up to the repository from inside it, absolute from elsewhere.
root=$(cd "$(dirname "$0")" && pwd -P)
if [[ $folder/ == "$root"/* ]]; then
  root=.$(sed 's|/[^/]*|/..|g' <<<"${folder#"$root"}")
fi

{
  cat <<SERVICES
# A draw of $count agencies, written by: ./generar-compose.sh $file $count
#
# The environment says only what containers change: places, names on the network, the number of agencies. Everything
# else is in config.yaml, which is mounted: after a change restart, nothing is built again. No port is published; the
# services and the agencies have a network of their own. They find each other in any order, so none waits for another.
name: quiniela

# A file that is missing here is an error, where Docker would make an empty folder in its place.
x-existing: &existing
  create_host_path: false

x-config: &config
  type: bind
  source: $root/config.yaml
  target: /quiniela/config.yaml
  read_only: true
  bind: *existing

x-agency: &agency
  image: quiniela-agency
  pull_policy: never
  # podman's name server loses questions while containers come and go: ask again after one second, not five.
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
    environment:
      QUINIELA_AGENCIES: $count
      QUINIELA_DATA: /quiniela/data
      QUINIELA_INGEST_LISTEN: 0.0.0.0:12345
      # For validar-echo-server.sh.
      QUINIELA_DIALECTS_ECHO: 0.0.0.0:12356
    volumes:
      - *config
      - type: volume
        source: data
        target: /quiniela/data
    # Something listens on port 12345 (0x3039). A connection would say no more, and stand in the log.
    healthcheck:
      test: [CMD, grep, -q, ":3039 00000000:0000 0A", /proc/net/tcp]
      interval: 10s

  winners:
    image: quiniela-winners
    pull_policy: never
    restart: on-failure:5
    environment:
      QUINIELA_AGENCIES: $count
      QUINIELA_DATA: /quiniela/data
      QUINIELA_WINNERS_LISTEN: 0.0.0.0:12346
    volumes:
      - *config
      - type: volume
        source: data
        target: /quiniela/data
        read_only: true
    healthcheck:
      test: [CMD, grep, -q, ":303A 00000000:0000 0A", /proc/net/tcp]
      interval: 10s

  # An agency sees its own file only. Rows that are no bets go to <file>.rejected.csv beside it in the container, until
  # "down": the exit code 65 says that there are some, "docker cp" gets them out.
SERVICES
  for ((id = 1; id <= count; id++)); do
    cat <<AGENCY
  client$id:
    <<: *agency
    environment:
      <<: *agency-environment
      CLI_ID: $id
    volumes:
      - *config
      - type: bind
        source: \${QUINIELA_DATASET:-$root/data}/agency-$id.csv
        target: /quiniela/data/agency-$id.csv
        read_only: true
        bind: *existing

AGENCY
  done
  printf 'volumes:\n  data:\n'
} >"$file"
