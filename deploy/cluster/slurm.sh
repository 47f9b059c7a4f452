#!/usr/bin/env bash
# Plans on SLURM: a worker of one thread for each task. Submit from a folder that all nodes share:
#   sbatch slurm.sh provinces/*.toml
# What follows --out is beside the scenarios; say the same again after a time limit, and it goes on.
#SBATCH --job-name=lensong
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4G
#SBATCH --time=08:00:00
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: sbatch slurm.sh SCENARIO..." >&2; exit 2; }
export OPENBLAS_NUM_THREADS=1
out=${LENSONG_OUT:-country} cache=${LENSONG_CACHE_DIR:-$PWD/cache}
scheduler=$PWD/.dask-scheduler-$SLURM_JOB_ID.json

trap 'kill $(jobs -p) 2>/dev/null; rm -f "$scheduler"' EXIT
# LENSONG_INTERFACE names a network by which nodes reach each other, if not by the usual one: ib0
network=(${LENSONG_INTERFACE:+--interface "$LENSONG_INTERFACE"})
dask scheduler --scheduler-file "$scheduler" --port 0 --no-dashboard "${network[@]}" &
until [ -s "$scheduler" ]; do
    kill -0 "$!" || { echo "no scheduler: is the environment with lensong[dask] active?" >&2; exit 1; }
    sleep 1
done
srun dask worker --scheduler-file "$scheduler" --nthreads 1 --memory-limit 4GB --no-dashboard \
    --local-directory "${TMPDIR:-/tmp}" "${network[@]}" &
address=$(sed -n 's/.*"address": *"\([^"]*\)".*/\1/p' "$scheduler" | head -n 1)
# the first plan is cut for the workers that are there; on slow disks they take a while to start
python -c 'import sys; from distributed import Client
Client(sys.argv[1]).wait_for_workers(int(sys.argv[2]), timeout=180)' "$address" "$SLURM_NTASKS" \
    || echo "not all workers came within 3 minutes: going on with those that did" >&2
lensong plan "$@" --out "$out" --cache "$cache" --scheduler "$address" --yes
