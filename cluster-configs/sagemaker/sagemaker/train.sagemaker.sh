#!/bin/bash
# Runs on each instance of the training job train.
set -euo pipefail

# An instance without EFA would be found out only by a slow or failed job.
devices=0
for device in /dev/infiniband/uverbs*; do if [ -e "$device" ]; then devices=$((devices + 1)); fi; done
if [ -d /dev/infiniband ] && { [ ! -r /dev/infiniband ] || [ ! -x /dev/infiniband ]; }; then devices=; fi
if [ -z "$devices" ]; then
  echo "/dev/infiniband cannot be read: the EFA devices of this container were not counted" >&2
elif [ "$devices" -eq 0 ]; then
  echo "no EFA device is in this container (/dev/infiniband/uverbs*)" >&2
  exit 1
elif [ "$devices" -lt 4 ]; then
  echo "$devices of the 4 EFA devices of ml.p4d.24xlarge are in this container" >&2
fi

# SageMaker's own word for which instances there are, in an order that is the same on each.
told=$(python3 -c "import json; told = json.load(open('/opt/ml/input/config/resourceconfig.json')); hosts = sorted(told['hosts']); print(len(hosts), hosts.index(told['current_host']), *hosts)")
read -r nodes rank hosts <<<"$told"
first=${hosts%% *}
# A name can be there later than the instance.
found=
for _ in {1..300}; do if getent hosts "$first" >/dev/null; then found=yes && break; else sleep 1; fi; done
[ -n "$found" ] || echo "getent gives no address of $first within 300 s: the job may not find it" >&2

port=29500
exec torchrun --nnodes="$nodes" --nproc-per-node=8 \
  --node-rank="$rank" --master-addr="$first" --master-port="$port" \
  train.py --data /opt/ml/input/data/training
