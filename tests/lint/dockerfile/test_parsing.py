"""A Dockerfile is taken apart as BuildKit takes it apart, each instruction with its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.errors import UsageError
from efakit.lint.dockerfile import is_dockerfile, lint_dockerfile, named_like_dockerfile
from efakit.lint.dockerfile.image import image_of
from efakit.lint.dockerfile.parse import parse
from efakit.lint.dockerfile.words import words_of
from efakit.lint.script.model import GAP
from efakit.lint.script.rule import Surroundings
from efakit.rules.target import any_supported

FORMS = {
    "plain": "FROM ubuntu:24.04\nRUN a\n",
    "no line feed at the end": "FROM ubuntu:24.04\nRUN a",
    "lower case": "from ubuntu:24.04\nrun a\n",
    "continued": "FROM a\nRUN b \\\n  c \\\n  d\nENV X=1\n",
    "blank behind the backslash": "FROM a\nRUN b \\  \n  c\nENV X=1\n",
    "comment within": "FROM a\nRUN b \\\n# no\n  # no\n  c\nENV X=1\n",
    "empty line within": "FROM a\nRUN b \\\n\n  c\nENV X=1\n",
    "empty line swallows": "FROM a\nRUN b \\\n\nENV X=1\nRUN c\n",
    "ends with a backslash": "FROM a\nRUN b \\\n",
    "ends with a backslash and empty lines": "FROM a\nRUN b \\\n\n\n",
    "two backslashes": "FROM a\nRUN b \\\\\nENV X=1\n",
    "crlf": "FROM a\r\nRUN b \\\r\n  c\r\nENV X=1\r\n",
    "escape": "# escape=`\nFROM a\nRUN b `\n  c\\\nENV X=1\n",
    "escape too late": "FROM a\n# escape=`\nRUN b `\nENV X=1\n",
    "syntax": "# syntax=docker/dockerfile:1\n# a comment\nFROM a\nRUN b\n",
    "heredoc": "# syntax=docker/dockerfile:1\nFROM a\nRUN <<EOF\nENV X=1\nEOF\nENV Y=1\n",
    "heredoc of a program": "FROM a\nRUN python3 - <<'EOF'\nprint(1)\nEOF\nENV Y=1\n",
    "two heredocs": "FROM a\nRUN cat <<A >x && cat <<B >y\n1\nA\n2\nB\nENV Y=1\n",
    "chomping heredoc": "FROM a\nRUN <<-EOF\n\techo a\n\tEOF\nENV Y=1\n",
    "copy heredoc": "FROM a\nCOPY <<EOF /x\nENV X=1\nEOF\nENV Y=1\n",
    "shift is no heredoc": "FROM a\nRUN echo $((1 << 2)) && cat <<< a\nENV Y=1\n",
    "heredoc in a string": "FROM a\nRUN echo '<<EOF'\nENV Y=1\n",
    "flags": "FROM --platform=linux/amd64 a AS b\nRUN --mount=type=cache,target=/x --network=none c d\n",
    "json": 'FROM a\nRUN ["bash", "-c", "a"]\nCMD ["b"]\n',
    "comment at the left edge": "FROM a\n  # no\nRUN b\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_instructions_and_their_code_are_those_of_buildkits_own_parser(text: str):
    theirs = pytest.importorskip("dockerfile", reason="BuildKit's parser (PyPI: dockerfile) is not installed")
    found = parse("Dockerfile", text.encode())
    ours = [(item.name, found.source.place(item.span.start)[0]) for item in found.instructions]
    judged = theirs.parse_string(text)
    assert ours == [(item.cmd.upper(), item.start_line) for item in judged]
    for own, other in zip(found.instructions, judged, strict=True):
        if own.name == "RUN" and not other.json:
            assert own.text.strip() == " ".join(other.value).strip()


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("continued", ["FROM", "RUN", "ENV"]),
        ("comment within", ["FROM", "RUN", "ENV"]),
        ("empty line within", ["FROM", "RUN", "ENV"]),
        ("empty line swallows", ["FROM", "RUN", "RUN"]),
        ("two backslashes", ["FROM", "RUN", "ENV"]),
        ("escape", ["FROM", "RUN", "ENV"]),
        ("escape too late", ["FROM", "RUN", "ENV"]),
        ("heredoc", ["FROM", "RUN", "ENV"]),
        ("two heredocs", ["FROM", "RUN", "ENV"]),
        ("chomping heredoc", ["FROM", "RUN", "ENV"]),
        ("shift is no heredoc", ["FROM", "RUN", "ENV"]),
        ("heredoc in a string", ["FROM", "RUN", "ENV"]),
        ("ends with a backslash and empty lines", ["FROM", "RUN"]),
    ],
)
def test_what_goes_on_and_what_ends_an_instruction(form: str, names: list[str]):
    assert [item.name for item in parse("Dockerfile", FORMS[form].encode()).instructions] == names


def test_code_has_its_place_in_the_file_whatever_stands_between_its_lines():
    data = "FROM a\nRUN one \\\n# a comment ünd more\n\n  two\n".encode()
    run = parse("Dockerfile", data).instructions[1]
    start = run.region.text.index(b"two")
    assert data[run.region.at(start) : run.region.at(start + 2) + 1] == b"two"


def test_heredocs_have_their_content_and_their_place():
    data = b"FROM a\nRUN <<-'EOF'\n\techo $A\n\tEOF\nENV X=1\n"
    (heredoc,) = parse("Dockerfile", data).instructions[1].heredocs
    assert (heredoc.name, heredoc.quoted, heredoc.region.text) == ("EOF", True, b"echo $A\n")
    assert data[heredoc.region.at(0) :].startswith(b"echo $A")


def stage(text: str):
    return image_of(parse("Dockerfile", text.encode())).stages[-1]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("FROM a\nENV A=1 B=$A\n", "B", None),  # A is not set yet in this instruction
        ("FROM a\nENV A=1\nENV B=$A:${A}\n", "B", "1:1"),
        ("FROM a\nENV A='$B' C=\"x y\" D=x\\ y\n", "A", "$B"),
        ('FROM a\nENV C="x y"\n', "C", "x y"),
        ("FROM a\nENV D=x\\ y\n", "D", "x y"),
        ("FROM a\nENV E \\$HOME and more\n", "E", "$HOME and more"),
        ("FROM a\nENV F=${G:-2}\n", "F", "2"),
        ("FROM a\nENV F=${G:+2}\n", "F", None),
        ("ARG V=1\nFROM a\nENV A=$V\n", "A", None),
        ("ARG V=1\nFROM a\nARG V\nENV A=$V\n", "A", "1"),
        ("ARG V=1\nFROM a\nARG V=2\nENV A=$V\n", "A", "2"),
        ("FROM a AS b\nARG V=1\nENV W=2\nFROM b\nENV A=$V\n", "A", None),
        ("FROM a AS b\nENV W=2\nFROM b\nENV A=$W\n", "A", "2"),
        ("FROM a\nENV A=ü\n", "A", "ü"),
    ],
)
def test_variables_are_filled_in_as_docker_fills_them_in(text: str, name: str, value: str | None):
    assert stage(text).end[name].value == value


def test_a_value_keeps_what_is_known_of_it():
    assert stage("FROM a\nENV L=/opt/efa/lib:$L\n").end["L"].partial == f"/opt/efa/lib:{GAP}"


def test_run_gets_the_variables_of_its_stage_and_reads_heredocs_of_shells():
    text = "FROM a\nARG V=1.47.0\nRUN <<EOF bash -exu\ncurl -O https://x/$V.tar\nEOF\n"
    step = stage(text).steps[-1]
    assert [texts for _, texts in step.texts()] == [["curl", "-O", "https://x/1.47.0.tar"]]


@pytest.mark.parametrize("code", ["<<EOF python3\nimport os\nEOF", '["bash", "-c", "efa_installer.sh"]'])
def test_what_no_shell_reads_is_no_command(code: str):
    programs = [command.name for command, _ in stage(f"FROM a\nRUN {code}\n").steps[-1].texts()]
    assert set(programs) <= {"python3"}


def test_words_have_their_places():
    run = parse("Dockerfile", b"FROM a\nENV  A=1   B='x y'\n").instructions[1]
    assert [(word.text, word.span.start) for word in words_of(run.region)] == [("A=1", 12), ("B=x y", 18)]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Dockerfile", True),
        ("dockerfile", True),
        ("Dockerfile.gpu", True),
        ("app.Dockerfile", True),
        ("0.nvcr-pytorch-aws.dockerfile", True),
        ("Containerfile", True),
        ("Dockerfile.j2", True),
        ("Dockerfile.dockerignore", False),
        ("write_dockerfile.py", False),
        ("Dockerfile.md", False),
        ("mydockerfile", False),
    ],
)
def test_dockerfiles_are_known_by_their_names(name: str, is_one: bool):
    assert named_like_dockerfile(name) == is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("FROM ubuntu:24.04\nRUN a\n", True),
        ("# syntax=docker/dockerfile:1\nARG V=1\n\nFROM --platform=linux/amd64 a:${V} AS b\n", True),
        ("ARG V=1\necho FROM a\n", False),
        ("#!/bin/bash\nFROM=1\n", False),
        ("FROM here on it is a letter\n", False),
        ("\n" * 200_000, False),
    ],
)
def test_dockerfiles_are_known_by_their_first_instruction(text: str, is_one: bool):
    assert is_dockerfile("image", text.encode()) == is_one
    assert not is_dockerfile("image.sh", text.encode())


PIECES = st.sampled_from(
    [
        "FROM a\n",
        "FROM $A AS b\n",
        "ARG A",
        "ENV A=",
        "RUN ",
        "COPY --from=b ",
        "\\\n",
        "\n",
        "<<EOF",
        "EOF\n",
        "$A",
        "${A:-",
        "}",
        '"',
        "'",
        "# c\n",
        "\t",
        "/opt/amazon",
        " ./efa_installer.sh -y",
        "git clone ",
        "\r\n",
        "ü",
        "\\",
        "if ",
        "(",
    ]
)


@settings(max_examples=settings().max_examples * 150 // 100)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_text_is_too_odd_and_every_place_lies_in_the_file(text: str):
    data = text.encode()
    if not parse("Dockerfile", data).instructions:
        with pytest.raises(UsageError, match=r"empty|no instruction"):
            lint_dockerfile("Dockerfile", data, Surroundings(any_supported()))
        return
    lines = len(data.split(b"\n"))
    for finding in lint_dockerfile("Dockerfile", data, Surroundings(any_supported())):
        assert 1 <= finding.line <= lines


@pytest.mark.parametrize("data", [b"", b" \n", b"# only a comment\n", b"\\\n", b"FROM a\0\n"])
def test_what_is_empty_or_binary_is_refused(data: bytes):
    with pytest.raises(UsageError):
        lint_dockerfile("Dockerfile", data, Surroundings(any_supported()))


def test_more_instructions_than_an_image_can_have_are_refused():
    with pytest.raises(UsageError, match="3001 instructions"):
        lint_dockerfile("Dockerfile", b"FROM a\n" + b"ENV A=$A\n" * 3000, Surroundings(any_supported()))
