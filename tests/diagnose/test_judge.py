"""Who failed first, what only follows, and which network was chosen."""

from __future__ import annotations

import gzip
import random

import pytest

from efakit.catalog.log_lines import facts, lines
from tests.diagnose.reading import diagnosis, told


def nccl(rank: int, text: str, level: str = "INFO") -> str:
    return f"{rank}: gpu-{rank // 8 + 1}:{1000 + rank}:{2000 + rank} [{rank % 8}] NCCL {level} {text}\n"


def up(rank: int, ranks: int, network: str = "Libfabric") -> str:
    init = (
        f"ncclCommInitRank comm 0x5 rank {rank} nranks {ranks} cudaDev 0 nvmlDev 0 busId 5 commId 0xa - Init COMPLETE"
    )
    return nccl(rank, f"Using network {network}") + nccl(rank, init)


def efa(rank: int, nics: int) -> str:
    return nccl(rank, f"NET/OFI Selected provider is efa, fabric is efa-direct (found {nics} nics)")


CLOSED = "socketProgress: Connection closed by remote peer gpu-2<57557>"
WATCHDOG = (
    "[rank{0}]:[E321 02:07:08.408271257 ProcessGroupNCCL.cpp:607] [Rank {0}] Watchdog caught collective operation "
    "timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE, NumelIn=4, NumelOut=4, Timeout(ms)=600000) ran for 600060 "
    "milliseconds before timing out.\n"
)
SEGFAULT = "srun: error: gpu-3: task 17: Segmentation fault (core dumped)\n"
TRACEBACK = '17: Traceback (most recent call last):\n17:   File "x.py", line 1, in f\n{}17: ValueError: bad batch\n'


def test_the_first_rank_that_failed_is_named_and_not_the_thousand_that_follow(tmp_path):
    ranks = 1024
    log = "".join(up(rank, ranks) for rank in range(ranks)) + TRACEBACK.format("")
    log += "".join(nccl(rank, CLOSED, "WARN") for rank in range(ranks) if rank != 17)
    log += "srun: error: gpu-3: task 17: Exited with exit code 1\n"
    found = diagnosis(log, folder=tmp_path)
    assert found.first is not None
    assert (found.first.rule, str(found.first.hit.speaker)) == ("log-python-exception", "rank 17 on gpu-3")
    assert [item.finding.rule for item in found.said if item.finding.severity == "error"] == ["log-python-exception"]
    closed = next(item for item in found.said if item.finding.rule == "log-nccl-peer-closed")
    assert closed.follows
    assert (closed.lines, len(closed.ranks)) == (1023, 1023)


def test_an_exception_is_found_between_the_lines_of_others(tmp_path):
    between = "".join(f"{rank}: step 1 loss 2.3\n" for rank in range(50))
    found = diagnosis(TRACEBACK.format(between) + "srun: error: a: task 17: Exited with exit code 1\n", folder=tmp_path)
    assert found.first is not None
    assert found.first.hit.groups == {"name": "ValueError", "message": "bad batch"}


def test_an_exception_that_a_block_cuts_is_found(tmp_path):
    filler = "0: step 1 loss 2.3\n" * (2_097_152 // 19)
    log = filler[: 2_097_152 - 60] + "\n" + TRACEBACK.format("") + "srun: error: a: task 17: Exited with exit code 1\n"
    found = diagnosis(log, folder=tmp_path)
    assert found.first is not None
    assert found.first.rule == "log-python-exception"


def test_a_job_that_its_watch_ended_was_not_cancelled_by_a_user(tmp_path):
    told_by_watch = "".join(
        f"efakit: error on gpu-{number}: the ranks talk over TCP and not over EFA: 96 MB exchanged with 1 of the job's "
        "nodes over TCP in 8 s, none over EFA; 'efakit diagnose' on this output looks for the cause\n"
        for number in (1, 2)
    )
    ended = "efakit: job 7 is cancelled by its watch on gpu-1, since its ranks do not use EFA\n"
    cancelled = "slurmstepd: error: *** STEP 7.0 ON gpu-1 CANCELLED AT 2026-11-29T07:16:01 ***\n"
    found = diagnosis(told_by_watch + ended + cancelled, folder=tmp_path)
    follows = {item.finding.rule: item.follows for item in found.said}
    assert follows == {"log-watch-fallback": False, "log-watch-ended-job": False, "log-slurm-cancelled": True}


@pytest.mark.parametrize("before", [True, False])
def test_a_timeout_follows_from_an_earlier_failure_only(before, tmp_path):
    waits = "".join(WATCHDOG.format(rank) for rank in range(8))
    found = diagnosis(SEGFAULT + waits if before else waits + SEGFAULT, folder=tmp_path)
    timeout = next(item for item in found.said if item.finding.rule == "log-torch-watchdog")
    assert timeout.follows == before
    assert timeout.finding.severity == ("info" if before else "error")


def test_a_timeout_alone_is_the_first_failure_and_its_cause_a_possible_one(tmp_path):
    found = diagnosis(WATCHDOG.format(3), folder=tmp_path)
    assert found.first is not None
    assert str(found.first.hit.speaker) == "rank 3"
    assert "possible cause: a rank did not take part" in found.findings[0].message


def test_ranks_that_did_not_time_out_are_named(tmp_path):
    log = "".join(up(rank, 16) for rank in range(16)) + "".join(WATCHDOG.format(rank) for rank in range(15))
    found = diagnosis(log, folder=tmp_path)
    assert "ranks 15 say nothing of it: look at them first" in found.findings[0].message
    some = "".join(up(rank, 16) for rank in range(16)) + "".join(WATCHDOG.format(rank) for rank in range(4))
    assert "say nothing" not in diagnosis(some, folder=tmp_path).findings[0].message


def test_ranks_whose_log_was_not_given_or_not_read_are_not_called_silent(tmp_path):
    waits = "".join(WATCHDOG.format(rank) for rank in range(15))
    log = "".join(up(rank, 16) for rank in range(15)) + waits
    message = diagnosis(log, folder=tmp_path).findings[0].message
    assert "say nothing" not in message
    assert "these logs have no line of ranks 15" in message
    whole = "".join(up(rank, 16) for rank in range(16)) + waits
    cut = diagnosis(whole, gzip.compress(b"x" * 99)[:-9], folder=tmp_path)
    assert "say nothing" not in cut.findings[0].message


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_between_files_the_clock_tells_who_was_first(order, tmp_path):
    logs = [
        "[2026-11-29 07:00:05] gpu-1:1:2 [0] enqueue.cc:1 NCCL WARN Cuda failure 'an illegal memory access'\n",
        "[2026-11-29 07:00:01] gpu-2:1:2 [0] init.cc:1 NCCL WARN Duplicate GPU detected : rank 1 and rank 0 both\n",
    ]
    found = diagnosis(*(logs[number] for number in order), folder=tmp_path)
    assert found.first is not None
    assert (found.first.rule, found.first.sure_order) == ("log-nccl-gpu-twice", True)


def test_without_clocks_it_is_said_that_the_order_is_not_known(tmp_path):
    found = diagnosis(SEGFAULT, SEGFAULT.replace("Segmentation fault", "Bus error"), folder=tmp_path)
    assert found.first is not None
    other = diagnosis(
        SEGFAULT, "gpu-2:1:2 [0] x.cc:1 NCCL WARN Duplicate GPU detected : rank 1 and rank 0\n", folder=tmp_path
    )
    assert other.first is not None
    assert not other.first.sure_order


def test_a_fallback_is_the_first_finding(tmp_path):
    log = nccl(0, "NET/Plugin : No plugin found, using internal implementation")
    log += "".join(up(rank, 16, "Socket") for rank in range(16)) + SEGFAULT
    found = diagnosis(log, folder=tmp_path)
    assert [item.finding.rule for item in found.said] == [
        "log-fallback",
        "log-nccl-plugin-absent",
        "log-slurm-crashed",
    ]
    assert found.findings[0].severity == "error"
    assert "ranks 0-15 on gpu-1, gpu-2 chose Socket" in found.findings[0].message
    assert found.findings[0].line == 2


@pytest.mark.parametrize(
    "text",
    [
        # NCCL 2.11, 2.18, 2.19 and 2.20, 2.21.5 (two), 2.22 and later: src/net.cc, since 2.26 src/plugin/plugin_open.cc
        "NET/Plugin : No plugin found (libnccl-net.so), using internal implementation",
        "NET/Plugin : Plugin load (libnccl-net.so) returned 2 : libnccl-net.so: cannot open shared object file",
        "NET/Plugin : dlerror=libnccl-net.so: cannot open shared object file: No such file or directory "
        "No plugin found (libnccl-net.so), using internal implementation",
        "NET/Plugin: No plugin found (libnccl-net.so)",
        "NET/Plugin: Plugin load returned 0 : libfabric.so.1: cannot open shared object file: No such file or "
        "directory when loading libnccl-net.so",
        "NET/Plugin: Could not find: libnccl-net.so. Using internal network plugin.",
    ],
)
def test_each_release_s_word_on_a_plugin_that_is_not_there_is_a_reason_of_the_fallback(tmp_path, text):
    found = diagnosis(nccl(0, text) + "".join(up(rank, 16, "Socket") for rank in range(16)), folder=tmp_path)
    assert [item.finding.rule for item in found.said] == ["log-fallback", "log-nccl-plugin-absent"]


def test_some_ranks_that_fall_back_are_named(tmp_path):
    log = "".join(efa(rank, 32) + up(rank, 16) for rank in range(8))
    log += "".join(up(rank, 16, "Socket") for rank in range(8, 16))
    found = diagnosis(log, folder=tmp_path)
    assert "ranks 8-15 on gpu-2 chose Socket, 8 of 16 processes" in found.findings[0].message
    assert [choice.falls_back for choice in found.choices] == [True, False]


def test_a_provider_of_tcp_behind_the_plugin_is_a_fallback(tmp_path):
    log = "".join(nccl(rank, "NET/OFI Selected Provider is tcp;ofi_rxm (found 1 nics)") for rank in (0, 8))
    found = diagnosis(log + up(0, 16) + up(8, 16), folder=tmp_path)
    assert told(found) == {"log-fallback"}
    assert "provider tcp;ofi_rxm" in found.findings[0].message


def test_on_one_node_sockets_are_no_fallback(tmp_path):
    assert diagnosis("".join(up(rank, 8, "Socket") for rank in range(8)), folder=tmp_path).said == ()


def test_jobs_of_one_node_each_in_one_log_are_no_fallback(tmp_path):
    jobs = [up(rank, 8, "Socket") for rank in range(8)]
    elsewhere = [job.replace("gpu-1:", "gpu-2:") for job in jobs]
    assert diagnosis("".join(jobs + elsewhere), folder=tmp_path).said == ()
    assert told(diagnosis("".join(jobs + elsewhere[:7]), folder=tmp_path)) == {"log-fallback"}
    between = nccl(0, "Channel 00/0 : 0[0] -> 1[0] [send] via NET/Socket/0")
    assert told(diagnosis("".join(jobs + elsewhere) + between, folder=tmp_path)) == {"log-fallback"}


def test_where_the_log_does_not_tell_how_many_nodes_it_is_a_warning(tmp_path):
    found = diagnosis(up(0, 16, "Socket"), folder=tmp_path)
    assert [str(item.severity) for item in found.findings] == ["warning"]
    assert "does not say whether the job ran on several nodes" in found.findings[0].message


def test_intel_mpi_s_provider_is_told(tmp_path):
    log = "[0] MPI startup(): libfabric provider: tcp;ofi_rxm\n"
    log += "".join(f"[0] MPI startup(): {rank}       4{rank}01     hpc-{rank}  {{0}}\n" for rank in range(2))
    found = diagnosis(log, folder=tmp_path)
    assert [item.finding.rule for item in found.said] == ["log-fallback"]
    assert found.findings[0].severity == "error"
    assert "I_MPI_OFI_PROVIDER=efa makes it fail" in found.findings[0].fix


def ompi(host: int, text: str) -> str:
    return f"[hpc-{host}:0{4100 + host}] {text}\n"


PROVIDER = "mtl_ofi_component.c:333: mtl:ofi:prov: efa"
DOMAIN = "../../../../ompi/mca/mtl/ofi/mtl_ofi_component.c:361: mtl:ofi:provider: rdmap0s6-rdm"


def test_open_mpi_s_network_is_told(tmp_path):
    log = "".join(
        ompi(host, text)
        for host in (1, 2)
        for text in (PROVIDER, DOMAIN, "select: component ofi selected", "select: component cm selected")
    )
    log += ompi(1, "mca: bml: Using tcp btl for send to [[48651,1],1] on node hpc-2")  # for one-sided calls
    found = diagnosis(log, folder=tmp_path)
    assert found.said == ()
    assert [str(choice) for choice in found.choices] == ["Open MPI pml cm, provider efa"]
    assert found.choices[0].hosts == ("hpc-1", "hpc-2")
    assert found.choices[0].is_efa
    (newer,) = diagnosis(ompi(1, "mtl_ofi_component.c:342: mtl:ofi:provider: efa"), folder=tmp_path).choices
    assert newer.is_efa


def test_open_mpi_over_tcp_is_a_fallback_between_nodes(tmp_path):
    chosen = ompi(1, PROVIDER) + ompi(1, "select: component ob1 selected")
    there = "mca: bml: Using tcp btl for send to [[48651,1],1] on node "
    found = diagnosis(chosen + ompi(1, f"{there}hpc-2.cluster.internal"), folder=tmp_path)
    assert told(found) == {"log-fallback", "log-ompi-ob1"}
    assert str(found.choices[0]) == "Open MPI btl tcp"
    assert "--mca pml cm --mca mtl ofi makes it fail" in found.findings[0].fix
    assert found.findings[0].severity == "error"
    assert told(diagnosis(chosen + ompi(1, f"{there}hpc-1.cluster.internal"), folder=tmp_path)) == set()
    assert told(diagnosis(chosen + ompi(2, "select: component ob1 selected"), folder=tmp_path)) == {"log-ompi-ob1"}
    assert told(diagnosis(chosen, folder=tmp_path)) == set()
    assert not diagnosis(chosen, folder=tmp_path).choices[0].is_efa


def far(host: int, btl: str = "tcp") -> str:
    return ompi(host, f"mca: bml: Using {btl} btl for send to [[48651,1],{2 - host}] on node hpc-{3 - host}")


OB1 = "select: component ob1 selected"


@pytest.mark.parametrize("provider", ["tcp;ofi_rxm", "UDP;ofi_rxd", "net"])
def test_each_provider_of_ip_is_a_fallback(provider, tmp_path):
    log = "".join(ompi(host, f"mtl_ofi_component.c:333: mtl:ofi:prov: {provider}") for host in (1, 2))
    assert told(diagnosis(log, folder=tmp_path)) == {"log-fallback"}


@pytest.mark.parametrize("chosen", ["", OB1])
def test_beside_nccl_the_tcp_of_mpi_starts_the_ranks_and_is_no_fallback(chosen, tmp_path):
    mpi = "".join((ompi(host, chosen) if chosen else "") + far(host) for host in (1, 2))
    words = ("NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)", "Using network Libfabric")
    gpus = "".join(f"hpc-{host}:{4100 + host}:7 [0] NCCL INFO {text}\n" for host in (1, 2) for text in words)
    found = diagnosis(mpi + gpus, folder=tmp_path)
    assert found.said == ()
    assert [(choice.program, choice.is_efa) for choice in found.choices] == [("NCCL", True), ("Open MPI", False)]


@pytest.mark.parametrize("word", ["NCCL version 2.27.7+cuda12.8", "# nThread 1 nGpus 1 minBytes 8 maxBytes 1024"])
def test_mpi_s_tcp_is_no_fallback_where_nccl_says_nothing_of_its_network(word, tmp_path):
    mpi = "".join(ompi(host, OB1) + far(host) for host in (1, 2))
    assert told(diagnosis(mpi, folder=tmp_path)) == {"log-fallback", "log-ompi-ob1"}
    assert diagnosis(f"{mpi}{word}\n", folder=tmp_path).said == ()


def test_the_provider_of_mpi_is_not_taken_for_nccl_s(tmp_path):
    mpi = "".join(ompi(host, text) for host in (1, 2) for text in (PROVIDER, "select: component cm selected"))
    gpus = "".join(f"hpc-{host}:{4100 + host}:7 [0] NCCL INFO Using network Socket\n" for host in (1, 2))
    found = diagnosis(mpi + gpus, folder=tmp_path)
    assert told(found) == {"log-fallback"}
    assert "chose Socket, not EFA" in found.findings[0].message
    assert found.findings[0].line == 5
    assert [choice.is_efa for choice in found.choices] == [False, True]


def test_open_mpi_s_btl_ofi_is_no_fallback(tmp_path):
    found = diagnosis("".join(ompi(host, OB1) + far(host, "ofi") for host in (1, 2)), folder=tmp_path)
    assert found.said == ()
    assert [str(choice) for choice in found.choices] == ["Open MPI btl ofi"]


def test_open_mpi_s_jobs_of_one_node_each_are_no_fallback(tmp_path):
    near = "mca: bml: Using vader btl for send to [[48651,1],1] on node hpc-"
    log = "".join(ompi(host, OB1) + ompi(host, f"{near}{host}") for host in (1, 2))
    assert diagnosis(log, folder=tmp_path).said == ()
    assert told(diagnosis(log + far(1), folder=tmp_path)) == {"log-fallback", "log-ompi-ob1"}


@pytest.mark.parametrize("pml", [PROVIDER, "select: component cm selected", "select: component ucx selected"])
def test_what_the_btl_does_for_one_sided_calls_is_no_fallback(pml, tmp_path):
    assert diagnosis("".join(ompi(host, pml) + far(host) for host in (1, 2)), folder=tmp_path).said == ()


@pytest.mark.parametrize("peer", ["unknown", "10.0.1.10", "hpc-1"])
def test_a_peer_that_may_be_on_the_same_node_is_no_fallback(peer, tmp_path):
    there = ompi(1, f"mca: bml: Using tcp btl for send to [[48651,1],1] on node {peer}")
    assert diagnosis(ompi(1, OB1) + there, folder=tmp_path).said == ()


def test_a_provider_of_tcp_without_a_word_on_the_pml_is_open_mpi_s(tmp_path):
    log = "".join(ompi(host, "mtl_ofi_component.c:342: mtl:ofi:provider: tcp;ofi_rxm") for host in (1, 2))
    found = diagnosis(log, folder=tmp_path)
    assert told(found) == {"log-fallback"}
    assert "--mca pml cm --mca mtl ofi makes it fail" in found.findings[0].fix


@pytest.mark.parametrize(
    "label",
    [
        "[1,{}]<stderr>:",
        "Mon Nov 30 03:32:30 2026[1,{}]<stderr>:",
        "[1,{}]<stderr>: ",
        "[1,{}][hpc-1:4101]<stderr>: ",
        "[prterun-hpc-1-4099@1,{}]<stderr>: ",
        "[{}]<stderr>: ",
        "[Mon Nov 30 03:32:30 2026][1,{}]<stderr>: ",
    ],
)
def test_each_label_of_mpirun_tells_the_rank(label, tmp_path):
    log = "".join(label.format(host - 1) + ompi(host, OB1) + label.format(host - 1) + far(host) for host in (1, 2))
    found = diagnosis(log, folder=tmp_path)
    assert told(found) == {"log-fallback", "log-ompi-ob1"}
    assert "ranks 0-1 on hpc-1, hpc-2 chose Open MPI btl tcp" in found.findings[0].message


def test_nics_that_are_missing_or_differ_are_told(tmp_path):
    on_p5 = nccl(0, "NET/OFI Running on p5.48xlarge platform, topology file /opt/p5.xml")
    fewer = diagnosis(on_p5 + efa(0, 4) + up(0, 16), folder=tmp_path)
    assert "found 4 EFA devices, and p5.48xlarge has up to 32" in fewer.findings[0].message
    differ = diagnosis(
        "".join(efa(rank, 31 if rank == 9 else 32) + up(rank, 16) for rank in range(16)), folder=tmp_path
    )
    assert told(differ) == {"log-nics-differ"}
    assert differ.said[0].ranks == (9,)
    assert diagnosis(on_p5 + efa(0, 32) + efa(8, 32) + up(0, 16) + up(8, 16), folder=tmp_path).said == ()


def test_a_rank_is_that_of_the_largest_communicator(tmp_path):
    small = nccl(9, "ncclCommInitRank comm 0x5 rank 1 nranks 2 cudaDev 0 nvmlDev 0 busId 5 commId 0xa - Init COMPLETE")
    log = small + up(9, 16) + small + nccl(9, "Cuda failure 'out of memory'", "WARN")
    found = diagnosis(log, folder=tmp_path)
    assert found.first is not None
    assert str(found.first.hit.speaker) == "rank 9 on gpu-2"


def test_a_line_that_two_processes_wrote_into_counts_for_the_one_before_the_text(tmp_path):
    first, second = nccl(0, "Channel 00/0 : 0[0] ->").rstrip(), nccl(8, CLOSED, "WARN")
    found = diagnosis(first + second[3:], folder=tmp_path)
    assert found.said[0].hosts == ("gpu-2",)


def test_lines_in_random_order_and_cut_at_random_never_crash(tmp_path):
    draw = random.Random(7)  # noqa: S311
    pool = [row.example.encode() for row in (*lines(), *facts())] + [
        TRACEBACK.format("").encode(),
        b"\r",
        b"\x1b[31m",
        b"",
    ]
    for _ in range(40):
        parts = []
        for _ in range(draw.randrange(80)):
            line = draw.choice(pool)
            cut = draw.randrange(len(line) + 1)
            parts.append(draw.choice([line, line[:cut], line[cut:], draw.randbytes(draw.randrange(200))]))
            parts.append(draw.choice([b"\n", b"\n", b"", b"\r\n"]))
        found = diagnosis(b"".join(parts), folder=tmp_path)
        assert all(item.finding.message.isprintable() and len(item.finding.message) < 2_000 for item in found.said)


def test_random_words_are_passed_over(tmp_path):
    draw = random.Random(11)  # noqa: S311
    words = """
        error failed timeout connection closed network provider rank exit code killed memory NCCL INFO WARN loss step
        Traceback CUDA device Socket Libfabric task srun: 12: [rank0]: checkpoint Error: Exception OOM abort
        signal 11 via
        Channel 00/0 send ValueError: Using selected found nics efa tcp pyxis: slurmstepd: reset refused retrying
    """.split()  # noqa: SIM905
    log = "\n".join(" ".join(draw.choices(words, k=draw.randrange(1, 14))) for _ in range(20_000))
    assert diagnosis(log, folder=tmp_path).said == ()
