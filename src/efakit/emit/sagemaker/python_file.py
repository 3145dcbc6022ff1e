"""The Python file that runs a training job by SageMaker's SDK. Each value stands in it as Python's own literal."""

from __future__ import annotations

from collections.abc import Iterable

from efakit.emit.sagemaker.request import CHECKPOINTS, address, max_wait_seconds
from efakit.plan.sagemaker import SageMakerPlan, TrainingJob

SDK_RELEASES = {2: "'sagemaker>=2.257,<3'", 3: "'sagemaker>=3.27,<4'"}
"""By the SDK's line: the releases that the files are checked with, as pip takes them."""


def python_file(section: SageMakerPlan, job: TrainingJob) -> str:
    """Return the file's text."""
    line = section.section.sdk
    lines = [
        f'"""Runs the training job {job.name} on SageMaker: {job.plan.template.what}.',
        "",
        f"For line {line} of SageMaker's Python SDK: pip install {SDK_RELEASES[line]}.",
        "--no-wait: it ends once the job is there, and shows no log.",
        '"""',
        "",
        "import shutil",
        "import sys",
        "import tempfile",
        *([] if line == 3 else ["import time"]),
        "from pathlib import Path",
        "",
        "import boto3",
        *_imports(section, job),
        "",
        "HERE = Path(__file__).resolve().parent",
        f"SOURCE = {_source(section)}",
        *_environment(job),
        "",
        "",
        *_code(section, job),
        "",
        "",
        *(_by_line_3(section, job) if line == 3 else _by_line_2(section, job)),
        "",
        "",
        'if __name__ == "__main__":',
        '    run(wait="--no-wait" not in sys.argv[1:])',
    ]
    return "\n".join(lines) + "\n"


def smddp_script(job: TrainingJob) -> str:
    """Return the Python script that SMDDP's launcher starts for each GPU."""
    words = [str(job.plan.job.script), *job.plan.args]
    lines = [
        f'"""SMDDP\'s launcher starts this for each GPU of {job.name}: the script, with its arguments."""',
        "",
        "import importlib.util",
        *(["import os"] if job.plan.preflight else []),
        "import runpy",
        "import sys",
        "",
    ]
    lines += [
        'if importlib.util.find_spec("smdistributed") is None:',
        '    sys.exit("this image has no smdistributed: SMDDP is not in it (sagemaker.image)")',
    ]
    if job.plan.preflight:
        lines += [
            "try:",
            '    devices = [name for name in os.listdir("/dev/infiniband") if name.startswith("uverbs")]',
            "except FileNotFoundError:",
            "    devices = []",
            "except OSError as error:",
            '    print(f"/dev/infiniband cannot be read: the EFA devices were not counted: {error}", file=sys.stderr)',
            "    devices = None",
            "if devices == []:",
            '    sys.exit("no EFA device is in this container (/dev/infiniband/uverbs*)")',
        ]
    lines += [f"sys.argv = {_literals(words)}", 'runpy.run_path(sys.argv[0], run_name="__main__")']
    return "\n".join(lines) + "\n"


def _imports(section: SageMakerPlan, job: TrainingJob) -> list[str]:
    if section.section.sdk == 2:
        return ["from sagemaker import Session", "from sagemaker.pytorch import PyTorch"]
    names = ["Compute", "OutputDataConfig", "SourceCode", "StoppingCondition"]
    names += ["CheckpointConfig"] if job.spot else []
    names += ["InputData"] if section.section.inputs else []
    names += ["Networking"] if job.subnets else []
    return [
        "from sagemaker.core.helper.session_helper import Session",
        "from sagemaker.core.training.configs import (",
        *(f"    {name}," for name in sorted(names)),
        ")",
        "from sagemaker.train import ModelTrainer",
    ]


def _source(section: SageMakerPlan) -> str:
    """Return the folder with the jobs' scripts, None without one."""
    return f"HERE / {_literal(section.section.source)}" if section.section.source else "None"


def _environment(job: TrainingJob) -> list[str]:
    lines = ["ENVIRONMENT = {"]
    for item in job.environment:
        lines += [f"    # {' '.join(item.reason.split())}", f"    {_literal(item.name)}: {_literal(item.value)},"]
    return [*lines, "}"]


def _code(section: SageMakerPlan, job: TrainingJob) -> Iterable[str]:
    yield "def put_code(folder):"
    yield '    """Put what runs on each instance into a folder: what is in SOURCE, and the script beside this file."""'
    if section.section.source:
        yield '    ignored = shutil.ignore_patterns(".git", ".env", ".venv*", "__pycache__", ".cache")'
        yield "    shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=ignored)"
        script = job.plan.job.script
        if script and not script.startswith("/"):
            yield f"    if not (Path(folder) / {_literal(script)}).is_file():"
            yield f'        sys.exit(f"{{SOURCE.resolve()}} (sagemaker.source) has no " + {_literal(script)})'
    yield f"    shutil.copy(HERE / {_literal(job.entry_point)}, folder)"


def _by_line_3(section: SageMakerPlan, job: TrainingJob) -> Iterable[str]:
    given = section.section
    yield "def run(wait):"
    yield from _session(section)
    yield "    trainer = ModelTrainer("
    yield f"        training_image={_literal(job.image)},"
    yield f"        role={_literal(given.role)},"
    yield f"        base_job_name={_literal(job.name)},"
    yield "        compute=Compute("
    yield f"            instance_type={_literal(job.instance_type)},"
    yield f"            instance_count={job.plan.nodes},"
    yield f"            volume_size_in_gb={given.volume_gb},"
    if given.keep_alive_minutes:
        yield f"            keep_alive_period_in_seconds={60 * given.keep_alive_minutes},"
    if given.training_plan:
        yield f"            training_plan_arn={_literal(given.training_plan)},"
    if job.spot:
        yield "            enable_managed_spot_training=True,"
    yield "        ),"
    if job.subnets:
        groups = _literals(given.security_groups)
        yield f"        networking=Networking(subnets={_literals(job.subnets)}, security_group_ids={groups}),"
    waits = f", max_wait_time_in_seconds={max_wait_seconds(section)}" if job.spot else ""
    yield f"        stopping_condition=StoppingCondition(max_runtime_in_seconds={section.max_seconds}{waits}),"
    yield f"        output_data_config=OutputDataConfig(s3_output_path={_literal(address(section))}),"
    if job.spot:
        place, local = address(section, job.name, "checkpoints"), _literal(CHECKPOINTS)
        yield f"        checkpoint_config=CheckpointConfig(s3_uri={_literal(place)}, local_path={local}),"
    yield "        environment=ENVIRONMENT,"
    yield "        sagemaker_session=session,"
    yield "    )"
    if given.inputs:
        yield "    inputs = ["
        for name, place in given.inputs.items():
            yield f"        InputData(channel_name={_literal(name)}, data_source={_literal(place)}),"
        yield "    ]"
    yield "    with tempfile.TemporaryDirectory() as code:"
    yield "        put_code(code)"
    yield "        # No distributed=...: each of the SDK's drivers sets NCCL_PROTO=simple over the job's environment."
    yield f"        trainer.source_code = SourceCode(source_dir=code, command={_literal('bash ' + job.entry_point)})"
    inputs = "input_data_config=inputs, " if given.inputs else ""
    yield f"        trainer.train({inputs}wait=wait, logs=wait)"


def _by_line_2(section: SageMakerPlan, job: TrainingJob) -> Iterable[str]:
    given = section.section
    yield "def run(wait):"
    yield from _session(section)
    yield f'    name = time.strftime("{job.name}-%Y%m%d%H%M%S", time.gmtime())'
    yield "    with tempfile.TemporaryDirectory() as code:"
    yield "        put_code(code)"
    yield "        # PyTorch and no Estimator: that one drops a distribution without a word."
    yield "        estimator = PyTorch("
    for key, value in _arguments(section, job):
        yield f"            {key}={value},"
    yield "            source_dir=code,"
    yield "            environment=ENVIRONMENT,"
    yield "            sagemaker_session=session,"
    yield "        )"
    inputs = ", ".join(f"{_literal(name)}: {_literal(place)}" for name, place in given.inputs.items())
    told = f"{{{inputs}}}" if inputs else "None"
    yield f'        estimator.fit({told}, wait=wait, logs="All" if wait else None, job_name=name)'


def _arguments(section: SageMakerPlan, job: TrainingJob) -> Iterable[tuple[str, str]]:
    given = section.section
    yield "image_uri", _literal(job.image)
    yield "role", _literal(given.role)
    yield "entry_point", _literal(job.entry_point)
    yield "code_location", _literal(address(section))
    yield "output_path", _literal(address(section))
    yield "instance_type", _literal(job.instance_type)
    yield "instance_count", str(job.plan.nodes)
    yield "volume_size", str(given.volume_gb)
    yield "max_run", str(section.max_seconds)
    if given.keep_alive_minutes:
        yield "keep_alive_period_in_seconds", str(60 * given.keep_alive_minutes)
    if given.training_plan:
        yield "training_plan", _literal(given.training_plan)
    if job.spot:
        yield "use_spot_instances", "True"
        yield "max_wait", str(max_wait_seconds(section))
        yield "checkpoint_s3_uri", _literal(address(section, job.name, "checkpoints"))
        yield "checkpoint_local_path", _literal(CHECKPOINTS)
    if job.subnets:
        yield "subnets", _literals(job.subnets)
        yield "security_group_ids", _literals(given.security_groups)
    if job.smddp:
        own = f', "custom_mpi_options": {_literal(job.mpi_options)}' if job.mpi_options else ""
        yield "distribution", f'{{"smdistributed": {{"dataparallel": {{"enabled": True{own}}}}}}}'
    # Both would send a request of their own kind along.
    yield "disable_profiler", "True"
    yield "debugger_hook_config", "False"


def _session(section: SageMakerPlan) -> Iterable[str]:
    given = section.section
    yield "    session = Session("
    yield f"        boto3.Session(region_name={_literal(section.region)}),"
    yield f"        default_bucket={_literal(given.bucket)},"
    yield f"        default_bucket_prefix={_literal(given.prefix or None)},"
    yield "    )"


def _literals(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_literal, values)) + "]"


def _literal(value: str | None) -> str:
    """Return a text as Python has it in its source, with double quotes where they need no escape."""
    text = repr(value)
    return f'"{text[1:-1]}"' if value is not None and text[0] == "'" and '"' not in value else text
