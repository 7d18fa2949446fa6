#!/usr/bin/env bash
# Starts Redis and two servers on this machine, without containers, until Ctrl-C; and MongoDB, unless STORE names one.
#
#   examples/cluster/start.sh
#
# Needs `redis-server`, `mongod` and `mongosh` on the PATH. With STORE='mongodb://…/DATABASE?replicaSet=…' it uses that
# database; otherwise all data is dropped at the end. SERVER=/path/to/letsapp-server saves the build.
set -euo pipefail
cd "$(dirname "$0")/../.."

needs() {
    command -v "$1" >/dev/null || { echo "$1 is not installed${2-}" >&2; exit 1; }
}
needs redis-server
if [[ -z ${STORE-} ]]; then
    needs mongod '; install it, or name a replica set in STORE'
    needs mongosh '; install it, or name a replica set in STORE'
fi
if [[ -z ${SERVER-} ]]; then
    cargo build --locked --release -p letsapp-server
    SERVER=${CARGO_TARGET_DIR:-target}/release/letsapp-server
fi
SERVER=$(realpath "$SERVER")

scratch=$(mktemp -d)
started=()
finish() {
    trap - EXIT INT TERM
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 0' INT TERM

redis-server --bind 127.0.0.1 --port 6479 --save '' --appendonly no --dir "$scratch" >"$scratch/redis.log" &
started+=($!)
if [[ -z ${STORE-} ]]; then
    mkdir "$scratch/mongodb"
    mongod --replSet rs0 --bind_ip 127.0.0.1 --port 27117 --dbpath "$scratch/mongodb" --quiet >"$scratch/mongodb.log" &
    started+=($!)
    # A single node that is a replica set of its own.
    ready='try { rs.status() } catch (e) { rs.initiate({_id: "rs0", members: [{_id: 0, host: "127.0.0.1:27117"}]}) }
        if (!db.hello().isWritablePrimary) quit(1)'
    until mongosh --quiet --port 27117 --eval "$ready" >/dev/null 2>&1; do sleep 0.2; done
    STORE='mongodb://127.0.0.1:27117/letsapp?replicaSet=rs0'
fi
until redis-cli -p 6479 ping >/dev/null 2>&1; do sleep 0.1; done

for n in 1 2; do
    mkdir "$scratch/server-$n"
    (cd "$scratch/server-$n" && exec "$SERVER" --store "$STORE" --bus redis://127.0.0.1:6479 \
        --listen "127.0.0.1:808$n" --admin-listen "127.0.0.1:818$n") &
    started+=($!)
done
echo 'Sign in as one user at http://127.0.0.1:8081 and as another at http://127.0.0.1:8082. Ctrl-C ends all.'
wait -n || true
echo 'one of the programs has ended' >&2
