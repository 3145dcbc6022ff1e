"""What the shell's grammar makes of assignments and commands."""

from __future__ import annotations

import pytest

from efakit.errors import UsageError
from efakit.lint.script import read_script
from efakit.lint.script.launchers import launches
from efakit.lint.script.read import other_interpreter


def read(text: str | bytes, file: str = "x.sh"):
    return read_script(file, text.encode() if isinstance(text, str) else text)


def sets(text: str) -> list[tuple[str, str | None, str]]:
    return [(item.name, item.value, item.kind) for item in read(text).assignments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", [("A", "1", "plain")]),
        ("export A=1 B='2 3' C=\"4\" D", [("A", "1", "export"), ("B", "2 3", "export"), ("C", "4", "export")]),
        ("export 'A=1' \"B=2\"", [("A", "1", "export"), ("B", "2", "export")]),
        (
            "declare -x A=1; declare B=2; typeset -x C=3",
            [("A", "1", "export"), ("B", "2", "plain"), ("C", "3", "export")],
        ),
        ("set -a\nA=1\nset +a\nB=2", [("A", "1", "export"), ("B", "2", "plain")]),
        ("set -o allexport; A=1", [("A", "1", "export")]),
        ("A=1 B=$C program", [("A", "1", "env-prefix"), ("B", None, "env-prefix")]),
        ("env -u X A=1 'B=2' srun x C=3", [("A", "1", "env-prefix"), ("B", "2", "env-prefix")]),
        ("mpirun -np 4 -x A=1 -x B --mca pml ^cm x", [("A", "1", "mpirun-x"), ("OMPI_MCA_pml", "^cm", "mca-option")]),
        ("mpiexec.hydra -genv A 1 -genv B=2 -n 4 x", [("A", "1", "genv"), ("B", "2", "genv")]),
        ("srun --export=ALL,A=1,B=$C x", [("A", "1", "srun-export"), ("B", None, "srun-export")]),
        ("srun --export ALL,A=1 x --export=B=1", [("A", "1", "srun-export")]),
        ("docker run -e A=1 --env B=2 image", [("A", "1", "container-option"), ("B", "2", "container-option")]),
        ("srun bash -c 'export A=1; x'", [("A", "1", "export")]),
        ('srun bash -c "export A=\\$B C=1"', [("A", None, "export"), ("C", "1", "export")]),
        ("bash <<'EOF'\nexport A=1\nEOF", [("A", "1", "export")]),
        ("A=${A:-1}", [("A", "1", "plain")]),
        ("A=x${B}", [("A", None, "plain")]),
        ("A=$'a b'", [("A", "a b", "plain")]),
        ("A=a\"b\"'c'd", [("A", "abcd", "plain")]),
        ("A=$(B=1 x)", [("A", None, "plain"), ("B", "1", "env-prefix")]),
        ("x \\\n  && export A=1", [("A", "1", "export")]),
    ],
)
def test_assignments(text, expected):
    assert sets(text) == expected


@pytest.mark.parametrize(
    "text", ["# export A=1", "cat <<EOF\nexport A=1\nEOF", "echo A=1", "cat <<'E' > f\nA=1\nE", ": 'A=1'"]
)
def test_what_is_no_assignment(text):
    assert sets(text + "\ntrue") == []


def test_arrays_and_variables_of_options_are_filled_in():
    script = read('ARGS=(--a "b c")\nARGS+=(--d) # more\nGO="torchrun --nnodes 2"\nsrun $GO x "${ARGS[@]}" "$GO"')
    assert [word.text for word in script.commands[-1].words] == [
        *("srun", "torchrun", "--nnodes", "2", "x", "--a", "b c", "--d"),
        "\0",
    ]


def test_a_variable_that_is_set_twice_is_not_filled_in():
    script = read("GO=a\nGO=b\nsrun $GO")
    assert [word.text for word in script.commands[-1].words] == ["srun", "\0"]


def test_launchers_are_found_behind_wrappers_and_their_own_options():
    text = "time env A=1 timeout 10 srun -n4 --mpi pmix -l python3 -m torch.distributed.run --nproc-per-node 8 x.py"
    [command] = read(text).commands[-1:]
    chain = list(launches(command.words))
    assert [launch.kind for launch in chain] == ["srun", "torchrun"]
    assert chain[0].option("ntasks").value.text == "4"
    assert chain[1].option("nproc_per_node").value.text == "8"


def test_sbatch_options_are_read_as_sbatch_reads_them():
    script = read(
        "#!/bin/bash\n#SBATCH -N2 -J 'a b' # comment\n\n# more\n#SBATCH --mem=1#2\ntrue\n#SBATCH -n 4\n", "x.sbatch"
    )
    assert [(item.option, item.value, item.line, item.in_force) for item in script.directives] == [
        ("nodes", "2", 2, True),
        ("job-name", "a b", 2, True),
        ("mem", "1", 5, True),
        ("ntasks", "4", 7, False),
    ]


def test_a_script_in_a_heredoc_for_sbatch_is_a_script_of_its_own():
    script = read("A=1\nsbatch <<EOF\n#!/bin/bash\n#SBATCH --nodes=3\nexport B=\\$A\nEOF\n")
    [inner] = script.embedded
    assert [(item.option, item.value, item.line) for item in inner.directives] == [("nodes", "3", 4)]
    assert [(item.name, script.source.place(item.span.start)) for item in inner.assignments] == [("B", (5, 8))]


def test_places_count_characters():
    script = read("é=ü; export A=1\n")
    [item] = [item for item in script.assignments if item.name == "A"]
    assert script.source.place(item.span.start) == (1, 13)


@pytest.mark.parametrize(("data", "says"), [(b"", "empty"), (b" \n\r\n", "empty"), (b"\x7fELF\0\0", "binary")])
def test_what_is_no_text_is_refused(data, says):
    with pytest.raises(UsageError, match=says):
        read(data)


def test_env_files_are_read_by_lines():
    script = read("# note\nA=1\nexport B='2 3' \nC=$D\n\nE=4 # why\n", "x.env")
    assert [(item.name, item.value) for item in script.assignments] == [
        ("A", "1"),
        ("B", "2 3"),
        ("C", None),
        ("E", "4"),
    ]


def test_templates_keep_their_places():
    script = read("#!/bin/bash\n{% if x %}\nexport A={{ a }} B=1\n{% endif %}\n", "x.sbatch.j2")
    assert [(item.name, item.value, script.source.place(item.span.start)) for item in script.assignments] == [
        ("A", None, (3, 8)),
        ("B", "1", (3, 18)),
    ]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("#!/usr/bin/env python3", "python3"),
        ("#!/usr/bin/env -S python3.11 -u", "python3.11"),
        ("#!/bin/tcsh -f", "tcsh"),
        ("#!/bin/bash -l", None),
        ("#!/bin/sh", None),
        ("#!", None),
        ("import os", None),
    ],
)
def test_code_of_other_interpreters_is_not_read_as_shell(first, other):
    script = read(f"{first}\n#SBATCH --nodes=2\nNCCL_DEBUG=1\n", "x.sbatch")
    assert [item.option for item in script.directives] == ["nodes"]
    assert bool(script.assignments) is (other is None)
    assert other_interpreter(script.source.text) == other
