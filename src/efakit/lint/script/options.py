"""Options on command lines: which take a value, in Slurm's programs and in the launchers.

Slurm's are those of its ``src/common/slurm_opt.c``, of the releases 23.11 to 26.05.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from efakit.lint.script.model import Option, Ref, Word
from efakit.lint.script.text import Span
from efakit.lint.script.words import after


def named(text: str) -> frozenset[str]:
    """Return the names in a text, by blanks."""
    return frozenset(text.split())


def _named(text: str) -> dict[str, str]:
    """Return name -> short letter, "" where it has none."""
    pairs = (item.partition(":") for item in text.split())
    return {name: letter for name, _, letter in pairs}


_REQUIRED = _named(
    """
accel-bind account:A acctg-freq array:a batch bbf autocomplete bcast-exclude begin:b bb cluster-constraint chdir:D
clusters:M cluster comment constraint:C container container-id runtime context core-spec:S cores-per-socket cpu-bind
cpu_bind cpu-freq cpus-per-gpu cpus-per-task:c deadline delay-boot dependency:d distribution:m epilog error:e exclude:x
export export-file extra extra-node-info:B gid gpu-bind tres-bind gpu-freq gpus:G gpus-per-node gpus-per-socket
gpus-per-task treewidth tres-per-task gres gres-flags hint ignore-signals input:i jobid job-name:J kill-on-invalid-dep
licenses:L mail-type mail-user threads:T mcs-label mem mem-bind mem-per-cpu mem-per-gpu mem-update mincpus mpi
msg-timeout network nodefile:F nodelist:w nodes:N ntasks:n ntasks-per-core ntasks-per-node ntasks-per-socket
ntasks-per-tres ntasks-per-gpu open-mode output:o pack-group het-group partition:p power prefer priority profile prolog
qos:q relative:r reservation resources segment signal slurmd-debug sockets-per-node switches task-epilog task-prolog
tasks-per-node thread-spec threads-per-core time:t time-min tmp uid wait-all-nodes wckey wrap
"""
)
_FLAGS = _named(
    """
async consolidate-segments contiguous debugger-test disable-status:X exact external get-user-env help:h hold:H
ignore-pbs interactive label:l multi-prog no-allocate:Z no-requeue overcommit:O oversubscribe:s parsable preserve-env:E
quiet:Q quit-on-interrupt reboot spread-job spread-segments stepmgr test-only unbuffered:u use-min-nodes usage verbose:v
version:V wait-for-children whole share bcast compress exclusive external-launcher immediate:I kill-on-bad-exit:K nice
no-kill:k oom-kill-step overlap propagate pty requeue resv-ports send-libs x11 no-shell bell no-bell
container-mount-home no-container-mount-home container-remap-root no-container-remap-root container-entrypoint
no-container-entrypoint container-writable container-readonly
"""
)
# Pyxis' options (https://github.com/NVIDIA/pyxis), which Slurm takes from its SPANK plugin.
_PYXIS = _named("container-image container-mounts container-workdir container-name container-save container-env")
SLURM_OPTIONS = frozenset((*_REQUIRED, *_FLAGS, *_PYXIS, "wait"))
ALIASES = {"tasks-per-node": "ntasks-per-node", "cpu_bind": "cpu-bind", "share": "oversubscribe", "cluster": "clusters"}


def _slurm_table(wait_has_value: bool) -> dict[str, int]:
    return {**dict.fromkeys((*_REQUIRED, *_PYXIS), 1), **dict.fromkeys(_FLAGS, 0), "wait": int(wait_has_value)}


SRUN = _slurm_table(wait_has_value=True)
SBATCH = _slurm_table(wait_has_value=False)
_LETTERS = {letter: name for name, letter in (*_REQUIRED.items(), *_FLAGS.items()) if letter}
_LETTERS["W"] = "wait"


def slurm_name(name: str, table: Mapping[str, int]) -> str | None:
    """Return an option's full name, as getopt finds it also from the beginning of one; None where there is none."""
    if name in table:
        return ALIASES.get(name, name)
    longer = [candidate for candidate in table if candidate.startswith(name)]
    return ALIASES.get(longer[0], longer[0]) if len(longer) == 1 else None


def may_be_options(word: Word) -> bool:
    """Return whether a word is a variable or an array that may hold options: ``$ARGS``, ``"${ARGS[@]}"``."""
    if len(word.pieces) != 1 or not isinstance(word.pieces[0], Ref):
        return False
    ref = word.pieces[0]
    return ref.array or not ref.quoted or ref.name == "@"


def _is_array(word: Word) -> bool:
    return any(ref.array for ref in word.refs)


def _goes_on(array: bool, rest: Sequence[Word], known: Callable[[str], bool]) -> bool:
    """Return whether a variable holds options and is not the program: options of the launcher follow it.

    An array in that place holds options wherever anything follows it.
    """
    following = next((word for word in rest if not may_be_options(word)), None)
    if following is None or not following.text.startswith("-"):
        return following is not None and array
    name = following.text.partition("=")[0]
    if name.startswith("--") or len(name) > 2:
        return known(name.lstrip("-"))
    return known(_LETTERS.get(name[1:], "")) or known(name[1:])


def slurm_options(words: Sequence[Word], table: Mapping[str, int]) -> tuple[list[Option], int]:
    """Return the options at the beginning of ``words`` and how many words they take."""
    found: list[Option] = []
    index = 0
    while index < len(words):
        word = words[index]
        text = word.text
        if may_be_options(word) and _goes_on(
            _is_array(word), words[index + 1 :], lambda name: slurm_name(name, table) is not None
        ):
            index += 1
            continue
        if not text.startswith("-") or text == "-":
            break
        index += 1
        if text == "--":
            break
        if text.startswith("--"):
            option, taken = _long(word, words[index:], table)
            found.append(option)
            index += taken
        else:
            options, taken = _short(word, words[index:], table)
            found += options
            index += taken
    return found, index


def _long(word: Word, rest: Sequence[Word], table: Mapping[str, int]) -> tuple[Option, int]:
    name, equals, _ = word.text[2:].partition("=")
    full = slurm_name(name, table) or name
    if equals:
        return Option(full, after(word, f"--{name}="), word.span), 0
    if table.get(full, 0) and rest:
        return Option(full, rest[0], Span(word.span.start, max(word.span.end, rest[0].span.end))), 1
    return Option(full, None, word.span), 0


def _short(word: Word, rest: Sequence[Word], table: Mapping[str, int]) -> tuple[list[Option], int]:
    found: list[Option] = []
    letters = word.text[1:]
    for place, letter in enumerate(letters):
        name = _LETTERS.get(letter, letter)
        if not table.get(name, 0):
            found.append(Option(name, None, word.span))
            continue
        if place + 1 < len(letters):
            found.append(Option(name, after(word, "-" + letters[: place + 1]), word.span))
        elif rest:
            found.append(Option(name, rest[0], Span(word.span.start, max(word.span.end, rest[0].span.end))))
            return found, 1
        break
    return found, 0


# Options of mpirun and mpiexec that are followed by words of their own, in Open MPI, PRRTE and Intel MPI (Hydra).
_MPI_ONE = _named(
    """
x np n N c H host hosts hostfile machinefile machine f map-by rank-by bind-to ppn perhost npernode npersocket
ntasks-per-node wdir wd path prefix app am tune default-hostfile output output-filename timeout genvlist envlist
genvexcl bootstrap bootstrap-exec iface launcher launcher-exec configfile rr-group grr cpu-set cpu-list display
personality rf rankfile report-pid report-uri stdin gpath gwdir umask pmi-port usize port base-path
"""
)
_MPI_TWO = ("mca", "gmca", "omca", "prtemca", "pmca", "pmixmca", "gpmca", "genv", "env")
_MPI_ARITY = {**dict.fromkeys(_MPI_ONE, 1), **dict.fromkeys(_MPI_TWO, 2)}


_MPI_FLAGS = named(
    """
    oversubscribe nooversubscribe allow-run-as-root tag-output timestamp-output report-bindings display-map v verbose q
    bynode byslot bycore prepend-rank l gpu enable-recovery use-hwthread-cpus mca parsable noprefix nolocal s
    """
)


def _is_mpi_option(name: str) -> bool:
    return name in _MPI_ARITY or name in _MPI_FLAGS


def mpi_options(words: Sequence[Word]) -> tuple[list[tuple[str, tuple[Word, ...], Span]], int]:
    """Return the options of mpirun: name without dashes, the words that follow; and how many words they take."""
    found: list[tuple[str, tuple[Word, ...], Span]] = []
    index = 0
    while index < len(words):
        word = words[index]
        text = word.text
        if may_be_options(word) and _goes_on(_is_array(word), words[index + 1 :], _is_mpi_option):
            index += 1
            continue
        if not text.startswith("-") or text == "-":
            break
        index += 1
        if text == "--":
            break
        name, equals, _ = text.lstrip("-").partition("=")
        if equals:
            found.append((name, (after(word, text.partition("=")[0] + "="),), word.span))
            continue
        values = tuple(words[index : index + _MPI_ARITY.get(name, 0)])
        if name in ("genv", "env") and values and "=" in values[0].text:
            values = values[:1]
        index += len(values)
        end = max(item.span.end for item in (word, *values))
        found.append((name, values, Span(word.span.start, end)))
    return found, index


# Options of torchrun (torch/distributed/run.py), accelerate launch and deepspeed that stand alone; and the short ones.
_NODE_FLAGS = {
    "torchrun": named("standalone module m no_python run_path use_env virtual_local_rank h help"),
    "accelerate": named(
        """
        quiet q cpu multi_gpu tpu ipex use_xpu use_mps_device use_deepspeed use_fsdp use_tp use_megatron_lm
        use_parallelism_config module m no_python debug same_network enable_cpu_affinity h help tpu_use_cluster
        dynamo_use_fullgraph dynamo_use_dynamic dynamo_use_regional_compilation downcast_bf16 enable_nccl_profiling
        """
    ),
    "deepspeed": named(
        "module no_python no_local_rank force_multi save_pid bind_cores_to_rank no_ssh no_ssh_check h help"
    ),
}


def node_options(words: Sequence[Word], kind: str) -> tuple[list[Option], int, bool]:
    """Return the options of a launcher of one node, the words that they take, and whether some may be in a variable.

    In the manner of Python's argparse: ``--a-b`` and ``--a_b`` are one.
    """
    flags = _NODE_FLAGS[kind]
    found: list[Option] = []
    index, gaps = 0, False
    while index < len(words):
        word = words[index]
        text = word.text
        if may_be_options(word):
            if not _more_options(words[index + 1 :]):
                break
            gaps = True
            index += 1
            continue
        if not text.startswith("-") or text in ("-", "--"):
            break
        index += 1
        name, equals, _ = text.lstrip("-").partition("=")
        name = name.replace("-", "_")
        if equals:
            found.append(Option(name, after(word, text.partition("=")[0] + "="), word.span))
        elif name in flags or index >= len(words):
            found.append(Option(name, None, word.span))
            if name in ("module", "m") and kind != "torchrun":
                break
        else:
            value = words[index]
            index += 1
            start, end = min(word.span.start, value.span.start), max(word.span.end, value.span.end)
            found.append(Option(name, value, Span(start, end)))
    # A variable in the program's place may hold options and the program.
    return found, index, gaps or (index < len(words) and may_be_options(words[index]))


def _more_options(rest: Sequence[Word]) -> bool:
    """Return whether options or a program follow a variable: then that holds options."""
    following = next((word for word in rest if not may_be_options(word)), None)
    if following is None:
        return len(rest) > 0
    return (following.text.startswith("-") and _is_node_option(following.text)) or following.text.endswith(".py")


def _is_node_option(text: str) -> bool:
    name = text.partition("=")[0].lstrip("-").replace("-", "_")
    return name in NODE_OPTIONS


NODE_OPTIONS = named(
    """
    nnodes nproc_per_node rdzv_backend rdzv_endpoint rdzv_id rdzv_conf standalone max_restarts monitor_interval role
    log_dir redirects tee node_rank master_addr master_port local_addr module m no_python run_path num_processes
    num_machines machine_rank main_process_ip main_process_port config_file mixed_precision multi_gpu use_deepspeed
    use_fsdp deepspeed_config_file hostfile num_nodes num_gpus include exclude launcher
    """
)
