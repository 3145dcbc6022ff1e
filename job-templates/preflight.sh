want=$1 root=${2:-} problem=
for try in 3 2 1 0; do
  found=0
  for device in "$root"/sys/class/infiniband/*; do
    if [ "$device/device/driver" -ef "$root/sys/bus/pci/drivers/efa" ]; then found=$((found + 1)); fi
  done
  # On p5en the devices come up late.
  if [ "$found" -ge "$want" ] || [ "$try" = 0 ]; then break; else sleep 5; fi
done
exec 3>&2 2>/dev/null # what is missing is "unknown"
packages=$(cat "$root/opt/amazon/efa_installed_packages")
release() { [[ $packages =~ $1([0-9][0-9.]*) ]] && echo "${BASH_REMATCH[1]%.}" || echo unknown; }
nccl=$(readlink -f "$(PATH=$PATH:/sbin ldconfig -p | sed -n '/libnccl.so.2 /{s/.*=> //p;q}')")
efa=$(cat "$root/sys/module/efa/version") nvidia=$(cat "$root/sys/module/nvidia/version")
locked=$(sed -n 's/^Max locked memory *\([^ ]*\).*/\1/p' "$root/proc/self/limits")
echo "EFA installer $(release 'installer version: '), libfabric $(release 'libfabric1?-aws[_-]')," \
  "aws-ofi-nccl $(release 'nccl-ofi[_-]'), NCCL $(packages=${nccl##*/} release 'so[.]')," \
  "EFA driver ${efa:-unknown}, NVIDIA driver ${nvidia:-unknown}," \
  "$found EFA devices ($want needed), locked memory ${locked:-unknown}"
if [ "${locked:-unlimited}" != unlimited ] && [ "$locked" -le 67108864 ]; then
  problem="only $locked bytes of memory can be locked, and EFA locks its buffers; run 'ulimit -l unlimited' before sbatch"
fi
if [ "$found" -lt "$want" ]; then problem="found $found of $want EFA devices"; fi
if [ "$problem" ]; then echo "preflight: $SLURMD_NODENAME: EFA cannot work: $problem" >&3 && exit 1; fi
