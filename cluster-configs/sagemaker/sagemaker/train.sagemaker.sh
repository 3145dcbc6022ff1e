#!/bin/bash
# Runs on each instance of the training job train.
set -euo pipefail

# An instance without EFA would be found out only by a slow or failed job.
devices=$({ ls -d /dev/infiniband/uverbs* 2>/dev/null || true; } | wc -l)
if [ "$devices" -eq 0 ]; then
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
for _ in {1..300}; do getent hosts "$first" >/dev/null && break; sleep 1; done

port=29500
exec torchrun --nnodes="$nodes" --nproc-per-node=8 \
  --node-rank="$rank" --master-addr="$first" --master-port="$port" \
  train.py --data /opt/ml/input/data/training
