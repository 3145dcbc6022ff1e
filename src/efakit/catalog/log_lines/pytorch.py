"""Lines of PyTorch: its NCCL watchdog, its store, torchrun, CUDA."""

from __future__ import annotations

from efakit.catalog.log_lines.row import CAUSE, FAILURE, FOLLOWS, TIMEOUT, LogLine

_TORCH = "https://github.com/pytorch/pytorch/issues/"
_FIRST = "find the rank that ended first"

ROWS = (
    LogLine(
        "log-torch-watchdog",
        "PyTorch",
        TIMEOUT,
        "error",
        ("Watchdog caught collective operation timeout",),
        "a collective timed out: {operation}, number {number}, after {limit} ms",
        "a rank did not take part: it ended, hangs, or is busy; the network is rarely the cause",
        "see which ranks did not time out, and what they did last; TORCH_NCCL_TRACE_BUFFER_SIZE and py-spy show it",
        _TORCH + "118369",
        "[rank0]:[E321 02:07:08.408271257 ProcessGroupNCCL.cpp:607] [Rank 0] Watchdog caught collective operation "
        "timeout: WorkNCCL(SeqNum=1580, OpType=ALLREDUCE, NumelIn=466119168, NumelOut=466119168, Timeout(ms)=600000) "
        "ran for 600060 milliseconds before timing out.",
        pattern=r"SeqNum=(?P<number>\d+), OpType=(?P<operation>\w+),[^\r\n]*Timeout\(ms\)=(?P<limit>\d+)",
    ),
    LogLine(
        "log-torch-watchdog-ends",
        "PyTorch",
        FOLLOWS,
        "error",
        (
            "watchdog thread terminated with exception",
            "To avoid data inconsistency, we are taking the entire process down",
            "Exception (either an error or timeout) detected by watchdog",
        ),
        "the watchdog ended the process, after an error or a timeout",
        "named in the lines before it",
        "see the lines before it",
        "https://github.com/hiyouga/LlamaFactory/issues/7396",
        "[rank0]:[E321 02:07:08.465150152 ProcessGroupNCCL.cpp:1664] [PG 1 Rank 0] Exception (either an error or "
        "timeout) detected by watchdog at work: 1580, last enqueued NCCL work: 1582, last completed NCCL work: 1579.",
    ),
    LogLine(
        "log-torch-memory",
        "PyTorch",
        FAILURE,
        "error",
        ("CUDA out of memory",),
        "a GPU's memory is full",
        "the model, the batch or the activations do not fit, or another process holds memory of this GPU",
        "make the batch smaller, or shard more; see nvidia-smi for other processes",
        "https://github.com/huggingface/trl/issues/3436",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 "
        "GiB",
        pattern=r"(?:Error|ERROR)[^\r\n]*CUDA out of memory",
    ),
    LogLine(
        "log-torch-cuda",
        "PyTorch",
        FAILURE,
        "error",
        ("CUDA error: ", "CUDA error "),
        "CUDA failed: {error}",
        "a fault of the program on this GPU, or a fault of the GPU",
        "CUDA_LAUNCH_BLOCKING=1 shows the call; see the node's kernel log for Xid",
        "https://github.com/deepseek-ai/DeepEP/issues/53",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
        pattern=r"(?:\w+Error: CUDA error: |CUDA error \S+:\d+ ')(?P<error>[^'\r\n]{1,160})",
    ),
    LogLine(
        "log-torch-store-timeout",
        "PyTorch",
        TIMEOUT,
        "error",
        ("The client socket has timed out after ",),
        "a process could not connect to {address} within the time",
        "MASTER_ADDR or the rendezvous endpoint is not an address of the first node, nothing listens there yet, or the "
        "security group does not allow the port",
        "take the first name of scontrol show hostnames as the address, start all nodes at once, and let the security "
        "group allow all traffic from and to itself",
        _TORCH + "107021",
        "[E socket.cpp:860] [c10d] The client socket has timed out after 60s while trying to connect to 192.0.0.1:1234",
        pattern=r"while trying to connect to \(?(?P<address>[^\s)]+(?: \d+)?|[^\s)]+, \d+)\)?",
    ),
    LogLine(
        "log-torch-rendezvous",
        "PyTorch",
        FOLLOWS,
        "error",
        ("RendezvousConnectionError: ", "RendezvousTimeoutError"),
        "torchrun's rendezvous failed",
        "a node did not reach the endpoint, or the node of the endpoint has ended",
        "see that the endpoint is the first node's address, and whether that node's torchrun ended before",
        _TORCH + "121944",
        "torch.distributed.elastic.rendezvous.api.RendezvousConnectionError: The connection to the C10d store has "
        "failed. See inner exception for details.",
    ),
    LogLine(
        "log-torch-address-in-use",
        "PyTorch",
        CAUSE,
        "error",
        ("failed to listen on any local network address",),
        "the port of the rendezvous is in use",
        "another job or an earlier run of this one still listens there, or two processes try to host the rendezvous",
        "use the job's own port, such as one derived from SLURM_JOB_ID",
        "https://github.com/meta-pytorch/torchtune/issues/1025",
        "RuntimeError: The server socket has failed to listen on any local network address. The server socket has "
        "failed to bind to [::]:29500 (errno: 98 - Address already in use).",
    ),
    LogLine(
        "log-torch-killed",
        "PyTorch",
        FAILURE,
        "error",
        ("failed (exitcode: -9) local_rank: ",),
        "a process was killed (local rank {local}, process {pid})",
        "the kernel or Slurm killed it because the memory was full, or a user killed it",
        "see oom_kill in the job's output, and sacct -j JOBID --format=MaxRSS; ask for more memory or use fewer "
        "workers",
        "https://github.com/hpcaitech/ColossalAI/issues/3514",
        "ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: -9) local_rank: 3 (pid: 812917) of "
        "binary: /usr/bin/python",
        pattern=r"local_rank: (?P<local>\d+) \(pid: (?P<pid>\d+)\)",
    ),
    LogLine(
        "log-torch-crashed",
        "PyTorch",
        FAILURE,
        "error",
        (
            "failed (exitcode: -11) local_rank: ",
            "failed (exitcode: -7) local_rank: ",
            "failed (exitcode: -4) local_rank: ",
            "failed (exitcode: -8) local_rank: ",
        ),
        "a process crashed on signal {signal} (local rank {local}, process {pid})",
        "a fault of a library, such as an incompatible release; signal 7 is a bus error, often of a full /dev/shm",
        "look at this process's lines before it; PYTHONFAULTHANDLER=1 shows where",
        "https://github.com/hpcaitech/ColossalAI/issues/3514",
        "ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: -11) local_rank: 3 (pid: 812917) of "
        "binary: /usr/bin/python",
        pattern=r"exitcode: -(?P<signal>\d+)\) local_rank: (?P<local>\d+) \(pid: (?P<pid>\d+)\)",
    ),
    LogLine(
        "log-torch-exit-code",
        "PyTorch",
        FOLLOWS,
        "error",
        ("failed (exitcode: ",),
        "torchrun says that a process ended with code {code} (local rank {local}, process {pid})",
        "named in that process's earlier lines",
        "look at this process's lines before it",
        "https://github.com/OEvortex/unsloth/issues/10",
        "E0801 13:23:20.000000 32974 torch/distributed/elastic/multiprocessing/api.py:874] failed (exitcode: 1) "
        "local_rank: 3 (pid: 33054) of binary: /usr/bin/python3",
        pattern=r"failed \(exitcode: (?P<code>\d+|-6|-15)\) local_rank: (?P<local>\d+) \(pid: (?P<pid>\d+)\)",
    ),
    LogLine(
        "log-torch-child-failed",
        "PyTorch",
        FOLLOWS,
        "error",
        ("errors.ChildFailedError:",),
        "torchrun ended because a process of its node ended with an error",
        "named in that process's earlier lines",
        "its list names the first process of that node under Root Cause; " + _FIRST + " of all nodes",
        "https://github.com/vllm-project/speculators/issues/1115",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
    ),
    LogLine(
        "log-torch-terminated",
        "PyTorch",
        FOLLOWS,
        "info",
        (" closing signal SIGTERM",),
        "torchrun ended the other processes of its node",
        "one of them ended before",
        _FIRST,
        "https://github.com/OEvortex/unsloth/issues/10",
        "W0801 13:23:17.366000 32974 torch/distributed/elastic/multiprocessing/api.py:900] Sending process 33051 "
        "closing signal SIGTERM",
        pattern=r"Sending process \d+ closing signal SIGTERM",
    ),
    LogLine(
        "log-torch-store-lost",
        "PyTorch",
        FOLLOWS,
        "error",
        ("DistNetworkError: ", "RuntimeError: Connection reset by peer", "RuntimeError: Broken pipe"),
        "a process lost the store of the first rank",
        "the process or node of the first rank has ended",
        "see why rank 0, or the torchrun of the first node, ended",
        _TORCH + "128970",
        "torch.distributed.DistNetworkError: Connection reset by peer",
        pattern=r"(?:DistNetworkError|RuntimeError): (?!The client socket has timed out|The server socket)",
    ),
)
