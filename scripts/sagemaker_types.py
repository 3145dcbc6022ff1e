"""Writes catalog/sagemaker_types.json anew, from botocore's model: ``python -m scripts.sagemaker_types``."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
from botocore.loaders import Loader
from botocore.model import ServiceModel

FILE = Path(__file__).resolve().parents[1] / "src/efakit/catalog/sagemaker_types.json"
_MODEL = "https://github.com/boto/botocore/blob/{}/botocore/data/sagemaker/2017-07-24/service-2.json.gz"


def training_types() -> list[str]:
    """Return the instance types that CreateTrainingJob takes, without their ``ml.``."""
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    return sorted(name.removeprefix("ml.") for name in model.shape_for("TrainingInstanceType").enum)


if __name__ == "__main__":
    version = botocore.__version__
    data = {"source": _MODEL.format(version), "shape": "TrainingInstanceType", "types": training_types()}
    FILE.write_text(json.dumps(data, indent=1) + "\n")
