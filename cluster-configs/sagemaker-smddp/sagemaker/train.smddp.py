"""SMDDP's launcher starts this for each GPU of train: the script, with its arguments."""

import importlib.util
import os
import runpy
import sys

if importlib.util.find_spec("smdistributed") is None:
    sys.exit("this image has no smdistributed: SMDDP is not in it (sagemaker.image)")
try:
    devices = [name for name in os.listdir("/dev/infiniband") if name.startswith("uverbs")]
except FileNotFoundError:
    devices = []
except OSError as error:
    print(f"/dev/infiniband cannot be read: the EFA devices were not counted: {error}", file=sys.stderr)
    devices = None
if devices == []:
    sys.exit("no EFA device is in this container (/dev/infiniband/uverbs*)")
sys.argv = ["adapted-training-script.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
