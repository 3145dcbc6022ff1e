"""Runs rendered Python files with moto in place of AWS, and writes down which CreateTrainingJob each sends.

``python -m efakit.vendor.sagemaker_child FOLDER``: the files are in FOLDER/sagemaker, the scripts that they send along
in FOLDER/source, the answers go to FOLDER/answers.json. With a second folder, what they put into S3 goes there.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

_LETTERS = 400
_DENIED = "the file ended before it asked for a training job"


def main(folder: Path, keep: Path | None = None) -> None:
    """Run the files one after the other."""
    from functools import lru_cache

    import boto3
    import botocore.client
    import jsonschema
    from moto import mock_aws

    # The SDK has the schema of its own settings checked anew a hundred times, which takes longer than all the rest.
    settings: Any = jsonschema.Draft202012Validator
    settings.check_schema = classmethod(lambda *_, **__: None)
    asked: list[dict[str, Any]] = []
    call = botocore.client.BaseClient._make_api_call

    def answer(client: Any, name: str, given: dict[str, Any]) -> Any:
        # The account has the role and the bucket that the file names, and the role may do all; moto knows neither.
        if name == "GetRole":
            return {"Role": {"RoleName": given["RoleName"], "Arn": "", "AssumeRolePolicyDocument": _trust()}}
        if name == "SimulatePrincipalPolicy":
            allowed = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in given["ActionNames"]]
            return {"EvaluationResults": allowed}
        if name == "CreateTrainingJob":
            asked.append(given)
        if "Bucket" in given and name != "CreateBucket":
            _make_bucket(client, call, given["Bucket"])
        return call(client, name, given)

    answers: dict[str, Any] = {}
    with mock_aws():
        botocore.client.BaseClient._make_api_call = answer
        # One for all files: each session reads the services' models anew, which takes longer than all the rest.
        boto3.Session = lru_cache(maxsize=None)(boto3.Session)
        for path in sorted((folder / "sagemaker").glob("*.sagemaker.py")):
            asked.clear()
            why = _run(path, folder / "source")
            answers[path.name] = asked[-1] if asked and not why else why or _DENIED
        if keep is not None:
            _keep(boto3.client("s3"), keep)
    (folder / "answers.json").write_text(json.dumps(answers))


def _run(path: Path, source: Path) -> str:
    """Run a file; return what it raised, empty where nothing."""
    spec = importlib.util.spec_from_file_location("efakit_rendered", path)
    assert spec is not None  # noqa: S101 (a path that ends in .py has one)
    assert spec.loader is not None  # noqa: S101
    module: Any = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if module.SOURCE is not None:
            module.SOURCE = source
        module.run(wait=False)
    except (ImportError, NotImplementedError):
        # What is not installed, or what moto has no answer to, is no word on the file: nothing is answered.
        raise
    except (Exception, SystemExit) as error:  # whatever else the SDK raises is its judgement
        # Some quote a whole schema.
        return f"{type(error).__name__}: {' '.join(str(error).split())[:_LETTERS]}"
    return ""


def _keep(client: Any, folder: Path) -> None:
    for bucket in client.list_buckets()["Buckets"]:
        for item in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            path = folder / bucket["Name"] / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read())


def _make_bucket(client: Any, call: Any, name: str) -> None:
    region = client.meta.region_name
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    if not any(item["Name"] == name for item in call(client, "ListBuckets", {})["Buckets"]):
        call(client, "CreateBucket", {"Bucket": name, **place})


def _trust() -> dict[str, Any]:
    service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [service]}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
