"""Judge what efakit lint says of public scripts and Dockerfiles, which are fetched and never committed.

    python -m scripts.public_scripts --repositories DIR [--dockerfiles] [--add]

DIR holds git directories of the repositories that tests/lint/public/scripts.txt names (dockerfiles.txt with
``--dockerfiles``), as OWNER+NAME[/repo]. Each finding stands in tests/lint/public/findings.txt
(dockerfile-findings.txt) with a judgement by hand: ``true`` or ``false``. ``--add`` writes
findings that are not judged yet with ``?``, and takes out those that are found no more: judge them by hand. Prints the
counts by rule; ends with 1 where something is not judged, a false error is there, or more than 3 of 100 warnings are
false.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from efakit.catalog import instances
from efakit.finding import Finding
from efakit.lint.dockerfile import lint_dockerfile
from efakit.lint.script import Surroundings, lint_script
from efakit.rules.releases import target_of
from efakit.rules.target import any_supported

HERE = Path(__file__).resolve().parent.parent / "tests" / "lint" / "public"
MOST_FALSE_WARNINGS = 0.03
TARGETS = {
    "any": Surroundings(any_supported(), has_folder=lambda folder: True),
    "p5": Surroundings(
        target_of(instance="p5.48xlarge", installer="1.43.2", nccl="2.27.7"),
        instances.get("p5.48xlarge"),
        lambda folder: True,
    ),
}


class Corpus(NamedTuple):
    """A list of public files, the list of what is found in them, and who finds it."""

    listing: Path
    findings: Path
    lint: Callable[[str, bytes, Surroundings], list[Finding]]


SCRIPTS = Corpus(HERE / "scripts.txt", HERE / "findings.txt", lint_script)
DOCKERFILES = Corpus(HERE / "dockerfiles.txt", HERE / "dockerfile-findings.txt", lint_dockerfile)


class Public(NamedTuple):
    """A public script: its content's SHA-256, its repository and its path there."""

    digest: str
    repository: str
    path: str


class Key(NamedTuple):
    """One finding, with the first letters of its script's digest."""

    digest: str
    target: str
    line: int
    severity: str
    rule: str


def public_scripts(corpus: Corpus = SCRIPTS) -> list[Public]:
    """Return the scripts of the list."""
    lines = corpus.listing.read_text(encoding="utf-8").splitlines()
    return [Public(*line.split(" ", 2)) for line in lines if line and not line.startswith("#")]


def judged(corpus: Corpus = SCRIPTS) -> dict[Key, str]:
    """Return each finding of the list and its judgement: true, false, or ? for none yet."""
    found = {}
    for line in corpus.findings.read_text(encoding="utf-8").splitlines() if corpus.findings.exists() else ():
        if line and not line.startswith("#"):
            digest, target, number, severity, rule, judgement = line.split()
            found[Key(digest, target, int(number), severity, rule)] = judgement
    return found


def content(repositories: Path, script: Public) -> bytes | None:
    """Return a script's content, None where its repository is not there or has another one."""
    folder = repositories / script.repository.replace("/", "+")
    folder = folder / "repo" if (folder / "repo").is_dir() else folder
    command = ["git", "--git-dir", str(folder), "show", f"HEAD:{script.path}"]
    data = subprocess.run(command, capture_output=True, check=False).stdout
    return data if hashlib.sha256(data).hexdigest() == script.digest else None


def findings(repositories: Path, corpus: Corpus = SCRIPTS) -> tuple[dict[Key, str], list[Public]]:
    """Return what lint finds today, each with its message, and the scripts that are not there."""
    found: dict[Key, str] = {}
    missing = []
    for script in public_scripts(corpus):
        data = content(repositories, script)
        if data is None:
            missing.append(script)
            continue
        for target, surroundings in TARGETS.items():
            for item in corpus.lint(script.path, data, surroundings):
                key = Key(script.digest[:12], target, item.line, str(item.severity), item.rule)
                found[key] = f"{script.repository}/{script.path}:{item.line}: {item.message}"
    return found, missing


def faults(judgements: dict[Key, str]) -> Iterator[str]:
    """Say what is wrong with the precision that a list of judgements shows."""
    for key, judgement in judgements.items():
        if judgement not in ("true", "false"):
            yield f"not judged: {' '.join(map(str, key))}"
        elif key.severity == "error" and judgement == "false":
            yield f"a false error: {' '.join(map(str, key))}"
    for target in TARGETS:
        told = Counter(judgements[key] for key in judgements if key.target == target and key.severity == "warning")
        if told["false"] > MOST_FALSE_WARNINGS * sum(told.values()):
            yield f"{target}: {told['false']} of {sum(told.values())} warnings are false"


def main() -> int:
    """Print the counts; return 1 where the precision is too low or not known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=Path, required=True, metavar="DIR")
    parser.add_argument("--add", action="store_true", help="write findings that are not judged yet into the list")
    parser.add_argument("--dockerfiles", action="store_true", help="judge the Dockerfiles, not the scripts")
    given = parser.parse_args()
    corpus = DOCKERFILES if given.dockerfiles else SCRIPTS
    found, missing = findings(given.repositories, corpus)
    for script in missing:
        print(f"not there: {script.repository} {script.path}", file=sys.stderr)
    old = judged(corpus)
    gone = {script.digest[:12] for script in missing}
    kept = {key: judgement for key, judgement in old.items() if key.digest in gone}
    now = {**kept, **{key: old.get(key, "?") for key in found}}
    if given.add:
        lines = (" ".join(map(str, (*key, judgement))) for key, judgement in sorted(now.items()))
        head = "# digest target line severity rule judgement: python -m scripts.public_scripts\n"
        corpus.findings.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    counts = Counter((key.rule, key.severity, judgement) for key, judgement in now.items())
    for (rule, severity, judgement), count in sorted(counts.items()):
        print(f"{count:4} {severity:8} {judgement:6} {rule}")
    for key in now:
        if now[key] == "?":
            print(f"not judged: {key.severity} {key.rule} ({key.target}) {found[key]}")
    told = list(faults(now))
    print(f"{len(public_scripts(corpus)) - len(missing)} scripts, {len(now)} findings", *told, sep="\n")
    return 1 if told or missing else 0


if __name__ == "__main__":
    sys.exit(main())
