#!/bin/bash
# Says what NCCL's log says of the network (NCCL_DEBUG=INFO), without NCCL: nccl_log.sh NETWORK PROVIDER EXIT_CODE
rank=${SLURM_PROCID:-0}
echo "$SLURMD_NODENAME:1:1 [$rank] NCCL INFO NET/OFI Initializing aws-ofi-nccl 1.16.3"
[ -z "$2" ] || echo "$SLURMD_NODENAME:1:1 [$rank] NCCL INFO NET/OFI Selected provider is $2, fabric is $2-direct (found 32 nics)"
echo "$SLURMD_NODENAME:1:1 [$rank] NCCL INFO Using network $1"
exit "$3"
