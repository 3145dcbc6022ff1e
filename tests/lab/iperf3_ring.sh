#!/bin/sh
# Real TCP traffic in both directions between all hosts of a job, one rank a host: each rank serves one neighbour and is the
# other's client. iperf3_ring.sh MIB
set -eu
port=20500
next=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n "$(((SLURM_PROCID + 1) % SLURM_NTASKS + 1))p")
timeout 60 iperf3 --server --one-off --port "$port" >/dev/null &
server=$!
tries=0
until timeout 60 iperf3 --client "$next" --port "$port" --bytes "$1M" --bidir >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  sleep 0.1 # the neighbour's server may not listen yet
done
wait "$server"
