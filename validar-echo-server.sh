#!/bin/sh
# Sends a line to the echo port of the running service, with netcat on the containers' network, and prints whether it
# was sent back. Start the containers first: make docker-compose-up.
#
#   ./validar-echo-server.sh
set -eu
message="Testing Message From SH"

# A netcat that ends without reading leaves printf with a broken pipe: the answer says enough.
answer=$(printf '%s\n' "$message" 2>/dev/null | "$(dirname "$0")/scripts/containers" netcat ingest 12356) || answer=
if [ "$answer" = "$message" ]; then
  echo "action: test_echo_server | result: success"
else
  echo "action: test_echo_server | result: fail"
  exit 1
fi
