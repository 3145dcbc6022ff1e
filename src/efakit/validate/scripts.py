"""Judges the scripts that a spec's jobs render to by the rules of scripts, and brings each finding to the spec's line.

A finding stands where the words come from that it speaks of: a line of ``setup`` or of the job's body, a variable of
``env``, an argument, an option for sbatch; else at the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from efakit.catalog import instances
from efakit.catalog.sbatch_options import sbatch_options
from efakit.emit.registry import emit
from efakit.emit.shell import quote, sbatch_option
from efakit.errors import UsageError
from efakit.finding import ERROR, Finding, Place
from efakit.lint.script import Surroundings, lint_script
from efakit.plan.plan import Plan
from efakit.plan.slurm.job import SlurmJobPlan
from efakit.rules.registry import rule_of
from efakit.spec.parallelcluster.model import ParallelCluster
from efakit.spec.yamltext import Document, KeyPath

# A cluster's software is judged once, in its config or its stack, and a container's with it.
_OF_THE_CLUSTER = ("software-broken", "software-risky")
# Keys of a job whose values are words of the script's commands.
_WORDS = ("args", "launcher_args", "srun_args", "resume_args", "modules", "script", "program")
_CONTAINER_WORDS = ("image", "mounts", "args")
# Keys of a job by sbatch's options, and by those of launchers, where the names differ.
_KEYS = {
    "job-name": "name",
    "partition": "queue",
    "ntasks-per-node": "ranks_per_node",
    "no-requeue": "requeue",
    "open-mode": "requeue",
    "nproc-per-node": "ranks_per_node",
    "map-by": "ranks_per_node",
    "mpi": "mpi",
}


def script_findings(document: Document, plan: Plan, said: Iterable[Finding] = ()) -> Iterator[Finding]:
    """Give what the rules of scripts have against the spec's jobs, each at its line of the spec or of a job's body.

    ``said`` are the findings that the spec's own rules have: what they say at the same place is not said twice.
    """
    if plan.slurm is None or not plan.slurm.jobs:
        return
    try:
        files = {file.path: file.content for file in emit(plan, ("sbatch",))}
    except UsageError as error:
        yield _template_fault(document, error)
        return
    alone = plan.spec.section(ParallelCluster) is None
    for number, job in enumerate(plan.slurm.jobs):
        content = files[f"jobs/{job.job.name}.sbatch"]
        script = _Rendered(document, ("jobs", number), job, content.decode())
        surroundings = _surroundings(plan, job)._replace(named_line=script.named_line)
        for found in _not_said(lint_script(str(document.path), content, surroundings), script, said):
            if found.rule in _OF_THE_CLUSTER:
                # A config's rules look at containers as well.
                if not alone or job.job.container is None:
                    continue
                found = found.replaced(place=document.place((*script.keys, "container", "stack"), at_key=True))
            # --fix mends scripts, not specs.
            yield found.replaced(message=f"job {job.job.name}: {found.message}", edits=(), mendable=False)


def _not_said(found: Iterable[Finding], script: _Rendered, said: Iterable[Finding]) -> list[Finding]:
    """Return the findings with their places in the spec, each once; at the job itself only rules that are new there."""
    own = [item for item in said if item.place.keys[:2] == script.keys]
    known = {(item.rule, item.place.keys) for item in own}
    rules = {item.rule for item in own}
    placed = [item.replaced(place=script.origin(item.place)) for item in found]
    kept = []
    for item in sorted(placed, key=lambda item: item.place.keys == script.keys):
        if (item.rule, item.place.keys) not in known and (item.place.keys != script.keys or item.rule not in rules):
            rules.add(item.rule)
            kept.append(item)
    return sorted(kept, key=lambda item: (item.file, item.line, item.column))


def _template_fault(document: Document, error: UsageError) -> Finding:
    row = rule_of("job-file")
    source = row.source if row is not None else ""
    return Finding("job-file", ERROR, str(error), place=document.place(("templates",), at_key=True), source=source)


def _surroundings(plan: Plan, job: SlurmJobPlan) -> Surroundings:
    shared = not plan.spec.cluster.queue(job.queue).exclusive
    return Surroundings(job.target, instances.get(job.instance_type), efa=job.efa, shared=shared)


class _Block(NamedTuple):
    """Lines of the script that are the user's own text: the first one's number, and that behind the last."""

    start: int = 0
    end: int = 0

    def holds(self, line: int) -> bool:
        """Return whether a line is one of them."""
        return self.start <= line < self.end


class _Rendered:
    """One job's script, and where in the spec its lines come from."""

    def __init__(self, document: Document, keys: KeyPath, plan: SlurmJobPlan, text: str) -> None:
        self._document = document
        self.keys = tuple(keys)
        self._plan = plan
        self._lines = text.split("\n")
        self._setup = self._block(text, plan.job.setup.rstrip())
        self._body = self._block(text, plan.job.body_text.rstrip())

    def origin(self, place: Place) -> Place:
        """Return the place in the spec, or in a job's body, that a place in the script comes from."""
        line = place.line
        if self._body.holds(line):
            return self._in_body(place, line - self._body.start)
        if self._setup.holds(line):
            return self._document.place_within((*self.keys, "setup"), line - self._setup.start)
        keys = self._keys_of(place)
        given = len(keys) > 2 and keys[2] in self._document.data["jobs"][keys[1]]
        return self._document.place(keys if given else self.keys, at_key=True)

    def named_line(self, number: int) -> str:
        """Return what a message calls a line of the script: its line in the spec, or in a job's body."""
        place = self.origin(Place("", number, 1))
        return f"line {place.line}" if place.file == str(self._document.path) else str(place)

    def _block(self, text: str, own: str) -> _Block:
        """Return the lines of the script that hold the user's text; the body stands last."""
        at = text.rfind(f"\n{own}\n") if own.strip() else -1
        start = text.count("\n", 0, at + 1) + 1
        return _Block(start, start + own.count("\n") + 1) if at >= 0 else _Block()

    def _in_body(self, place: Place, number: int) -> Place:
        """Return a line of the body's file; the script leaves out its first line where that names the shell."""
        path = self._document.path.parent / str(self._plan.job.body)
        try:
            first = path.read_text(encoding="utf-8").startswith("#!")
        except (OSError, ValueError):
            return self._document.place((*self.keys, "body"), at_key=True)
        return Place(str(path), number + 1 + first, place.column, place.end_column)

    def _keys_of(self, place: Place) -> tuple[str | int, ...]:
        text = self._lines[place.line - 1] if 0 < place.line <= len(self._lines) else ""
        if text.startswith("#SBATCH "):
            return self._of_directive(text.removeprefix("#SBATCH "))
        name = text.removeprefix("export ").removeprefix("APPTAINERENV_").partition("=")[0]
        if text.startswith("export ") and name in self._plan.job.env:
            return (*self.keys, "env", name)
        end = place.end_column or len(text) + 1
        return self._of_word(text, place.column - 1, end - 1) or self._of_option(text, place.column - 1)

    def _of_directive(self, text: str) -> tuple[str | int, ...]:
        """Return the key of the job that gives a line of options for sbatch."""
        job = self._plan.job
        extra = job.slurm.get("extra", ())
        lines = list(extra) if isinstance(extra, tuple) else []
        if text in lines:
            return (*self.keys, "slurm", "extra", lines.index(text))
        option = next((item.option for item in self._plan.directives if sbatch_option(item) == text), "")
        rows = sbatch_options()
        passed = next((key for key in job.slurm if key in rows and rows[key].option == option), None)
        if passed is not None:
            return (*self.keys, "slurm", passed)
        return (*self.keys, _KEYS.get(option, option.replace("-", "_")))

    def _of_word(self, text: str, start: int, end: int) -> tuple[str | int, ...] | None:
        """Return the key of the longest word of the user's that stands at a place in a line; None where none does."""
        found: list[tuple[int, tuple[str | int, ...]]] = []
        for keys, word in self._words():
            at = text.find(word)
            while at >= 0:
                if at < end and start < at + len(word):
                    found.append((len(word), keys))
                at = text.find(word, at + 1)
        return max(found, key=lambda item: item[0])[1] if found else None

    def _words(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        job = self._plan.job
        holders: list[tuple[tuple[str | int, ...], object, tuple[str, ...]]] = [(self.keys, job, _WORDS)]
        if job.container is not None:
            holders.append(((*self.keys, "container"), job.container, _CONTAINER_WORDS))
        for base, holder, names in holders:
            for name in names:
                value = getattr(holder, name, None)
                if isinstance(value, str):
                    yield (*base, name), quote(value)
                for number, item in enumerate(value if isinstance(value, tuple) else ()):
                    yield (*base, name, number), quote(item)

    def _of_option(self, text: str, start: int) -> tuple[str | int, ...]:
        """Return the key of the job that a launcher's option comes from, the job's own keys where there is none."""
        name = text[start:].lstrip("-").split("=")[0].split(" ")[0]
        return (*self.keys, _KEYS[name]) if name in _KEYS else self.keys
