"""Judges files of any kind: scripts for what they are to run on, cluster configs and specs by efakit's rules."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from efakit.catalog import instances
from efakit.errors import UsageError
from efakit.finding import ERROR, Finding, Place
from efakit.inputs import is_stdin, read_input, shown, text_of
from efakit.lint.dockerfile import is_dockerfile, lint_dockerfile, named_like_dockerfile
from efakit.lint.script import Surroundings, lint_model, partition_of, read_script
from efakit.lint.script.model import Directive
from efakit.lint.script.text import Span
from efakit.rules.releases import target_of_stack
from efakit.rules.target import Target, any_supported

if TYPE_CHECKING:
    from efakit.spec.model import Queue, Spec

_SCRIPTS = (".sbatch", ".sh", ".slurm", ".bash", ".env", ".sbatch.j2", ".sh.j2", ".sbatch.template", ".sh.template")
_CONFIGS = (".yaml", ".yml")
# A key at the left edge, ahead of everything but comments: no line of a shell script looks like it.
_CONFIG_KEY = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t\r]*(?:#.*|---.*|%.*)?\n)*['\"]?[A-Za-z_]+['\"]?:(\s|$)", re.MULTILINE
)
_FILLED_IN_LATER = re.compile(r"\$\{[A-Za-z_]\w*\}")
_TOP_KEY = re.compile(rb"^['\"]?([A-Za-z]+)['\"]?:(?:\s|$)", re.MULTILINE)
_QUEUES = re.compile(rb"^\s+queues:", re.MULTILINE)
# Manifests that have to do with EFA: folders hold those of other things too.
_MANIFEST = re.compile(rb"^apiVersion:\s*['\"]?(eksctl\.io|kubeflow\.org|trainer\.kubeflow\.org)/", re.MULTILINE)
_EFA_RESOURCE = b"vpc.amazonaws.com/efa"
_LARGEST_BYTES = 4 * 1024 * 1024  # Slurm's own limit for a batch script


class Where(NamedTuple):
    """What scripts are to run on: one target for all of them, or a spec that names one for each partition."""

    surroundings: Surroundings
    spec: Spec | None = None
    parallelcluster: str | None = None


def on_target(target: Target, parallelcluster: str | None = None) -> Where:
    """Return one target for all scripts; ``parallelcluster`` is the release that configs are judged for."""
    instance = instances.get(target.instance) if target.instance else None
    return Where(Surroundings(target, instance), None, parallelcluster)


def software_of_spec(path: Path) -> list[Finding]:
    """Return what of a spec's software and release surely does not work, whatever its scripts say."""
    found = _judge_config(path, _read(path), Where(Surroundings(any_supported())))
    return [item for item in found if item.severity == ERROR and _is_of_software(item)]


def _is_of_software(item: Finding) -> bool:
    return item.rule == "software-broken" or (item.rule.startswith("release-") and "creation" not in item.about)


def on_spec(path: Path) -> Where:
    """Return what the partitions of a spec's cluster run on; raise SpecError where the spec has faults."""
    from efakit.plan.make import software_of
    from efakit.validate.spec import plan_spec

    spec = plan_spec(path).spec
    return Where(Surroundings(any_supported()), spec, software_of(spec).stack.parallelcluster)


def judge_files(
    paths: Iterable[Path], where: Where, left_out: Callable[[UsageError, bool], None]
) -> list[tuple[Path, list[Finding]]]:
    """Return the findings in what is named, and in scripts, Dockerfiles, configs and specs of folders, each file once.

    A file that cannot be judged is told to ``left_out``, with whether it was named itself; the others are judged.
    """
    judged: list[tuple[Path, list[Finding]]] = []
    for path, named in find_files(paths).items():
        try:
            judged.append((path, judge_file(path, where)))
        except UsageError as error:
            left_out(error, named)
    return judged


def find_files(paths: Iterable[Path]) -> dict[Path, bool]:
    """Return the files to judge, and whether each was named itself and not found in a folder."""
    found: dict[Path, bool] = {}
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where it may not look; that is the file's own fault
            inside = dict.fromkeys(_in_folder(path), False)
            if not inside:
                looked_for = ", ".join((*_SCRIPTS, *_CONFIGS, "Dockerfile"))
                message = f"the folder holds no script, config, spec or Dockerfile (looked for {looked_for})"
                raise UsageError(f"{path}: {message}")
            found = {**inside, **found}
        else:
            found[path] = True
    return found


def _in_folder(folder: Path) -> Iterator[Path]:
    closed: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            image = named_like_dockerfile(name)
            if not (image or name.endswith((*_SCRIPTS, *_CONFIGS))) or _waits(path):
                continue
            if image or name.endswith(_SCRIPTS) or _reads_like_ours(path):
                yield path
    yield from closed  # to be told of: nobody knows what is in them


def _waits(path: Path) -> bool:
    """Return whether this is nothing to read, such as a pipe whose writer would have to be waited for."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True  # a link to nothing
    except OSError:
        return False  # reading it says why


def _reads_like_ours(path: Path) -> bool:
    """Return whether a YAML file has the keys of a cluster config or a spec: folders hold YAML of many kinds."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES)
    except OSError:
        return True  # nobody knows, and reading it again says why
    keys = _top_keys(data)
    if b"AWSTemplateFormatVersion" in keys:
        return False
    if _is_manifest(data):
        return _MANIFEST.search(data) is not None or _EFA_RESOURCE in data
    return {b"HeadNode", b"Scheduling"} <= keys or (b"cluster" in keys and _QUEUES.search(data) is not None)


def judge_file(path: Path, where: Where) -> list[Finding]:
    """Return the findings in a file; raise UsageError where it cannot be read or is nothing that lint takes."""
    data = _read(path)
    if _is_config(path, data):
        if _is_manifest(data):
            return _judge_manifests(path, data)
        return _judge_config(path, data, where)
    return judge_text(Path(shown(path)), data, where)


def _top_keys(data: bytes) -> set[bytes]:
    """Return the keys at the left edge of YAML; it may begin with a byte order mark and have lines that end with CR."""
    return set(_TOP_KEY.findall(data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n")))


def _is_manifest(data: bytes) -> bool:
    return _top_keys(data) >= {b"apiVersion", b"kind"} or _is_json_manifest(data)


def _is_json_manifest(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"apiVersion"' in data and b'"kind"' in data


def _is_config(path: Path, data: bytes) -> bool:
    """Return whether a file is YAML by its name, or standard input by its first key."""
    if not is_stdin(path):
        return path.suffix in _CONFIGS or (path.suffix == ".json" and _is_json_manifest(data))
    return _is_json_manifest(data) or (_CONFIG_KEY.search(data) is not None and not is_dockerfile("", data))


def judge_text(path: Path, data: bytes, where: Where, given: Mapping[str, str | None] | None = None) -> list[Finding]:
    """Return the findings in a script or a Dockerfile of which ``data`` is the content.

    ``given`` has the options that sbatch is given beside the script, by their long names: they win over its own.
    """
    if is_dockerfile(path.name, data):
        return lint_dockerfile(str(path), data, _of_image(where))
    script = read_script(str(path), data)
    if given:
        # They stand nowhere in the file: what is found in them is told at its beginning.
        own = [item for item in script.directives if item.component or item.option not in given]
        script.directives = [*own, *(Directive(name, value, Span(0, 0), 1) for name, value in given.items())]
    surroundings = where.surroundings
    if where.spec is not None:
        surroundings = _of_partition(where.spec, partition_of(script))
    return lint_model(script, surroundings._replace(has_folder=_folders_beside(path)))


def _of_image(where: Where) -> Surroundings:
    """Return what an image is to run on: its stack is its own, and of a spec it takes the one instance type."""
    if where.spec is None:
        return where.surroundings
    types = {one.name: one for queue in where.spec.cluster.queues for one in [_one_type(queue)] if one is not None}
    instance = next(iter(types.values())) if len(types) == 1 else None
    return Surroundings(any_supported()._replace(instance=instance.name if instance else None), instance)


def _folders_beside(path: Path) -> Callable[[str], bool]:
    return lambda folder: (path.parent / folder).is_dir()


def _of_partition(spec: Spec, name: str | None) -> Surroundings:
    """Return what a partition's jobs run on; without a name the first queue's, which is Slurm's default."""
    from efakit.plan.cluster import plan_cluster
    from efakit.plan.make import software_of

    software = software_of(spec)
    queue = next((queue for queue in spec.cluster.queues if name in (None, queue.name)), None)
    instance = _one_type(queue) if queue is not None else None
    target = target_of_stack(software.stack, instance.name if instance else None, software.os)
    if queue is None:
        return Surroundings(target, instance)
    efa = any(on for (of, _), on in plan_cluster(spec.cluster).efa.items() if of == queue.name)
    return Surroundings(target, instance, efa=efa, shared=not queue.exclusive)


def _one_type(queue: Queue) -> instances.Instance | None:
    types = {instance.name: instance for resource in queue.compute_resources for instance in resource.instances}
    return next(iter(types.values())) if len(types) == 1 else None


def _judge_config(path: Path, data: bytes, where: Where) -> list[Finding]:
    from efakit.validate.judges import by_rules
    from efakit.validate.subject import SpecRefused, Subject, read_subject

    try:
        subject = read_subject(path, where.parallelcluster, None, data)
    except SpecRefused as refusal:
        return refusal.findings
    if not isinstance(subject, Subject):
        return list(subject.findings)
    found = list(by_rules(subject).findings)
    return found if subject.spec is not None else [item for item in found if not _is_left_open(subject.data, item)]


def _is_left_open(data: Any, finding: Finding) -> bool:
    """Return whether a finding is about a value that a program such as envsubst puts there later."""
    from efakit.lint.manifest.problem import at

    value = at(data, *finding.place.keys) if finding.place is not None else None
    return isinstance(value, str) and _FILLED_IN_LATER.search(value) is not None


def _judge_manifests(path: Path, data: bytes) -> list[Finding]:
    """Return the findings in an eksctl config or in Kubernetes manifests."""
    from efakit.lint.manifest import lint_manifests

    try:
        text = text_of(data, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"not a text file in UTF-8 (byte {error.start})", Place(shown(path))) from None
    try:
        return lint_manifests(text, shown(path))
    except UsageError as error:
        renders = "helm template" if "{{" in text else "envsubst" if _FILLED_IN_LATER.search(text) else ""
        if not renders or "duplicate key" in str(error):
            raise
        place = error.findings[0].place if error.findings else Place(shown(path))
        raise UsageError(f"a template, and no YAML: lint what it renders to ('{renders}')", place) from error


def _read(path: Path) -> bytes:
    try:
        if is_stdin(path):
            data = read_input(path)
        elif not path.is_file():
            if path.is_dir():
                os.listdir(path)  # noqa: PTH208 - of a folder that was found, for the reason why it cannot be read
            path.stat()
            # Reading a pipe or a device might never end.
            raise UsageError("not a file; - reads standard input", Place(str(path)))
        else:
            with path.open("rb") as file:
                data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", Place(str(path))) from None
    except ValueError as error:
        raise UsageError(f"{str(path)!r}: not a path: {error}") from None
    if len(data) > _LARGEST_BYTES:
        raise UsageError(
            "larger than 4 MiB, the most that Slurm takes for a script and that lint reads", Place(shown(path))
        )
    return data
