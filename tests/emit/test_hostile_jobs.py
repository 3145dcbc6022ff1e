"""Hostile values in every field of a job: each is refused, or stays a literal.

Values go in as JSON; what comes out is run with stand-ins for Slurm's commands that print their arguments.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.catalog.sbatch_options import SBATCH_OPTIONS
from efakit.emit.shell import sbatch_option
from efakit.errors import SpecError
from efakit.plan.slurm.options import Directive
from tests.emit.jobscript import Run, plan_of, script_of

NASTY = [
    *("'", '"', "\\", "`id`", "$(id)", "${HOME}", "a;b", "a\nb", "a\n#SBATCH --wrap=x", "#SBATCH --time=1", "--", "-x"),
    *("{{ 7 * 7 }}", "{% raw %}", "{# #}", "#", " ", "", "\t", "\r\n", "\0", "é", "\u2028", "\ud83d\ude00", "RELAY"),
    *("PREFLIGHT", "a=b", "!!", "~", "*", "%j", "hetjob", "a b", "a\\ b", "'\"'\"'"),
]
HOSTILE = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.one_of(st.sampled_from("'\"$`\\;&|<>(){}%#!~*?[]-= \n\t"), st.characters(codec="utf-8")), max_size=24),
)
# Values that the job needs anyhow, for each kind of launch.
BASES: dict[str, tuple[dict[str, Any], str]] = {
    "torchrun": ({"template": "torchrun", "script": "train.py"}, "p5.48xlarge"),
    "accelerate": ({"template": "accelerate", "script": "train.py"}, "p5.48xlarge"),
    "neuron": ({"template": "neuron", "script": "train.py"}, "trn1.32xlarge"),
    "nccl-tests": ({"template": "nccl-tests", "program": "perf"}, "p5.48xlarge"),
    "openmpi": ({"template": "openmpi", "program": "x", "mpi": "mpirun", "modules": []}, "hpc7a.96xlarge"),
    "intelmpi": ({"template": "intelmpi", "program": "x", "modules": []}, "hpc7a.96xlarge"),
    "osu": ({"template": "osu", "program": "x", "modules": []}, "hpc7a.96xlarge"),
    "command": ({"template": "command", "program": "x"}, "hpc7a.96xlarge"),
}


def placed(base: str, field: str, value: str) -> dict[str, Any]:
    """Return a job with a value in a field."""
    job = json.loads(json.dumps(BASES[base][0]))
    where, _, key = field.partition(".")
    if where == "env" and not key:
        job["env"] = {value: "1"}
    elif where == "env":
        job["env"] = {key: value}
    elif where == "container":
        job["container"] = {"runtime": "apptainer" if base == "openmpi" else "pyxis", "image": "image"}
        job["container"][key] = [value] if key in ("mounts", "args") else value
        if base == "intelmpi":
            job["mpi"] = "pmi2"
    elif where == "slurm":
        job["slurm"] = {key: [value] if key == "extra" else value}
    elif where in ("args", "launcher_args", "srun_args", "resume_args", "modules"):
        job[where] = [value]
    else:
        job[where] = value
    return job


FIELDS = (
    *(
        "name",
        "queue",
        "time",
        "account",
        "output",
        "script",
        "program",
        "mpi",
        "workload",
        "setup",
        "body",
        "template",
    ),
    *("args", "launcher_args", "srun_args", "resume_args", "modules", "env", "env.OWN"),
    *("container.image", "container.mounts", "container.workdir", "container.args"),
    *(f"slurm.{row.key}" for row in SBATCH_OPTIONS if row.kind in ("text", "list")),
    "slurm.extra",
)


@pytest.mark.thorough
@given(st.sampled_from(sorted(BASES)), st.sampled_from(FIELDS), HOSTILE)
@settings(max_examples=settings().max_examples * 6)
def test_a_value_is_refused_or_stays_a_literal(base, field, value):
    job = placed(base, field, value)
    try:
        script = script_of(job, BASES[base][1])
    except SpecError:
        return
    plain = script_of(*BASES[base])
    header = [line for line in script.split("\n") if line.startswith("#SBATCH")]
    one_more = field.startswith("slurm.") or field in ("time", "account")
    assert len(header) == plain.count("\n#SBATCH ") + one_more
    # Slurm stops reading at the first command: no line of options stands below it.
    body = script.partition("\nset -euo pipefail\n")[2]
    assert not [line for line in body.split("\n") if line.startswith("#SBATCH")]
    if field in ("setup", "modules", "container.args"):
        return  # shell text of the user's own; names that 'module' reads; options
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "job.out").write_text("")
        restart = {"SLURM_RESTART_COUNT": "1"} if field == "resume_args" else {}
        run = Run(Path(folder), script.replace("\nsrun --", '\nprintf "%s\\0" "${OWN-}" >own\nsrun --'), **restart)
        assert run.done.stderr == ""
        assert run.done.returncode == 0
        words = run.launch()
        if field in ("script", "program", "args", "launcher_args", "srun_args", "resume_args"):
            assert value in words
        if field == "env.OWN" and base != "openmpi" and base != "intelmpi":
            assert (Path(folder) / "own").read_bytes().decode() == value + "\0"
        if field.startswith("container."):
            assert any(word.endswith(value) for word in words)
        assert {name for name, *_ in run.calls} <= {"srun", "mpirun", "scontrol", "getent"}


def test_every_key_of_a_job_that_holds_text_is_tried():
    from efakit.spec.schema import spec_schema

    schema = spec_schema()["$defs"]
    texts = {
        key
        for key, value in schema["job"]["properties"].items()
        if value.get("type") not in ("integer", "boolean") and not {"$ref", "enum"} & set(value)
    }
    tried = {field.partition(".")[0] for field in FIELDS}
    assert texts <= tried
    assert {f"container.{key}" for key in schema["job_container"]["properties"]} - set(FIELDS) == {
        "container.runtime",  # an enum
        "container.stack",  # releases, in no script
    }


@given(HOSTILE, HOSTILE)
@settings(max_examples=settings().max_examples * 2)
def test_sbatch_reads_one_word_out_of_each_option(first, second):
    """By sbatch's own rules of quoting, as ``get_argument`` in src/sbatch/opt.c has them."""
    try:
        plan = plan_of({**BASES["torchrun"][0], "slurm": {"comment": first, "wckey": second}})
    except SpecError:
        return
    lines = {line.option: sbatch_option(line) for line in plan.slurm.jobs[0].directives}
    for option, value in (("comment", first), ("wckey", second)):
        assert words_of(lines[option]) == [f"--{option}={value}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("two words", '"two words"'), ('"#\\', '"\\"#\\\\"'), ("$(id)`x`", '"$(id)`x`"')],
)
def test_what_needs_no_quotes_gets_none(value, text):
    assert sbatch_option(Directive("comment", value)) == f"--comment={text}"


def words_of(line: str) -> list[str]:
    """Split as sbatch does."""
    words, word, quoted, escaped = [], "", "", False
    for at, letter in enumerate(line):
        if escaped:
            word, escaped = word + letter, False
        elif letter == "\\":
            escaped = True
        elif quoted:
            quoted, word = ("", word) if letter == quoted else (quoted, word + letter)
        elif letter in "'\"":
            quoted = letter
        elif letter == "#":
            break
        elif letter.isspace():
            words, word = [*words, word] if word else words, ""
        else:
            word += letter
        assert at < len(line)
    assert not quoted
    return [*words, word] if word else words


def test_the_stand_ins_would_show_what_else_ran(tmp_path):
    """The test of the test: an unquoted value does run."""
    run = Run(tmp_path, "srun $(getent x >/dev/null; echo 1)\n")
    assert [words[0] for words in run.calls] == ["getent", "srun"]
