"""Whatever the text: the linter gives findings or says what the file is; comments and heredocs are no code."""

from __future__ import annotations

import shlex

from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.errors import UsageError
from tests.lint.script.linting import found

_SHELL = """
srun mpirun torchrun export env set -a if then fi do done ( ) { } [[ ]] $( ` ' " << EOF ; && || | & # #SBATCH -x $X -n
--nodes=2 --export=A=1 NCCL_BUFFERSIZE=1 FI_LOG_LEVEL=1 ${X[@]} X=( ${ }} {{ {% %} --gres=gpu:8 bash -c unset sbatch
$(( )) é efakit: ignore module load intelmpi ulimit -l 1 \\
"""
WORDS = st.sampled_from([*_SHELL.split(), "\n", "\t", "\\\n", "# efakit: ignore x"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
USUAL = settings().max_examples


def lint(data: bytes, file: str) -> list[str]:
    try:
        return [item.rule for item in found(data, file=file, has_folder=lambda folder: False)]
    except UsageError:
        return []


@settings(max_examples=USUAL * 3)
@given(st.binary(max_size=300), st.sampled_from(["x.sbatch", "x.env", "x.sh.j2"]))
def test_bytes_never_raise(data, file):
    lint(data, file)


@settings(max_examples=USUAL * 4)
@given(st.lists(WORDS, max_size=40), st.sampled_from(["x.sbatch", "x.env", "x.sh.j2"]))
def test_shell_of_any_kind_never_raises(words, file):
    lint(("#!/bin/bash\n#SBATCH -N 2\n" + " ".join(words)).encode(), file)


@settings(max_examples=USUAL * 2)
@given(st.text(st.characters(blacklist_characters="\n\r\0\\", codec="utf-8"), max_size=40))
def test_a_comment_holds_no_variables(text):
    comment = f"# {text} FI_LOG_LEVEL=1 export NCCL_BUFFERSIZE=1".replace("efakit", "")
    assert lint(f"#!/bin/bash\n{comment}\ntrue {comment}\n".encode(), "x.sh") == []


@settings(max_examples=USUAL * 2)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters="\\`$"), max_size=40))
def test_a_heredoc_holds_no_variables(text):
    body = f"{text}\nexport FI_LOG_LEVEL=1\nNCCL_BUFFERSIZE=1 srun x"
    assert lint(f"#!/bin/bash\ncat <<THE_END\n{body}\nTHE_END\n".encode(), "x.sh") == []


@settings(max_examples=USUAL * 2)
@given(VALUES)
def test_quoting_makes_no_difference(value):
    quoted = shlex.quote(value)
    double = '"' + "".join(f"\\{letter}" if letter in '$`"\\' else letter for letter in value) + '"'
    escaped = "".join(letter if letter.isalnum() else f"\\{letter}" for letter in value)
    variants = [
        f"export NCCL_DEBUG={quoted}",
        f"export NCCL_DEBUG={double}",
        # The grammar takes an escaped blank at a word's beginning for its end.
        f"export NCCL_DEBUG={quoted if ' ' in value else escaped}",
        f"declare -x NCCL_DEBUG={double}",
        f"NCCL_DEBUG={quoted} ./app",
        f"env NCCL_DEBUG={double} ./app",
        f"mpirun -x NCCL_DEBUG={quoted} /build/all_reduce_perf",
    ]
    told = [[item.message for item in found(f"#!/bin/bash\n{text}\n", file="x.sh")] for text in variants]
    assert all(messages == told[0] for messages in told), (value, told)
