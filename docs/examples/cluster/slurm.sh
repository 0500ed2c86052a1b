#!/bin/bash
# sbatch docs/examples/cluster/slurm.sh experiment=hgm-800 name=hgm-0
# A cluster of the nodes of one allocation, with a search on it. The same command goes on with it, also when Slurm requeues it.
#SBATCH --job-name=dgm
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail

slots=${DGM_SLOTS:-16}                                # jobs at once on each node
labels=${DGM_LABELS:-dgm-engine=none}                 # dgm-engine=docker where nodes have an engine
runs=${DGM_RUNS:-${SLURM_SUBMIT_DIR:-$PWD}/runs}      # on a disk that is there after the allocation
port=$((20000 + SLURM_JOB_ID % 10000))                # two allocations may share a node

mkdir -p "$runs"
umask 077
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$runs/.ray-token-$SLURM_JOB_ID" RAY_USAGE_STATS_ENABLED=0
python3 -c 'import secrets; print(secrets.token_hex(32))' > "$RAY_AUTH_TOKEN_PATH"

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
steps=()
on() { # on NODE COMMAND...: in the background, for as long as the allocation lasts
    srun --nodes=1 --ntasks=1 --overlap --nodelist="$1" "${@:2}" &
    steps+=($!)
}
trap 'kill "${steps[@]}" 2>/dev/null || true; rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT

takes=(--block --resources="{\"dgm_slots\": $slots}" --labels="$labels")
on "$head" ray start --head --port="$port" --num-cpus=0 "${takes[@]}"
for _ in $(seq 60); do
    if ray status --address="$head:$port" > /dev/null 2>&1; then break; fi
    sleep 2
done
for node in "${nodes[@]:1}"; do
    on "$node" ray start --address="$head:$port" --num-cpus=0 "${takes[@]}"
done

# The driver is the batch script's own, on the first node. Two minutes before the end Slurm asks it to stop.
dgm run workers=cluster workers.address="$head:$port" runs_dir="$runs" grace_s=60 "$@" &
driver=$!
trap 'kill -TERM "$driver"' TERM
status=0
wait "$driver" || status=$?
while kill -0 "$driver" 2>/dev/null; do
    status=0
    wait "$driver" || status=$?
done
exit "$status"
