"""SMDDP's launcher starts this for each GPU of train: the script, with its arguments."""

import importlib.util
import runpy
import sys
from pathlib import Path

if importlib.util.find_spec("smdistributed") is None:
    sys.exit("this image has no smdistributed: SMDDP is not in it (sagemaker.image)")
if not list(Path("/dev/infiniband").glob("uverbs*")):
    sys.exit("no EFA device is in this container (/dev/infiniband/uverbs*)")
sys.argv = ["adapted-training-script.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
