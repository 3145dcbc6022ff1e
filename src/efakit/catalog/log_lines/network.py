"""Lines that tell which network a process chose, with how many NICs, and which rank it is."""

from __future__ import annotations

from efakit.catalog.log_lines.row import LogFact

# Ray prints a line once for many processes.
_REPEATED = r"(?: \[repeated \d+x across cluster\])?\s*$"

FACTS = (
    LogFact(
        "log-fact-network",
        ("Using network ",),
        r"Using network (?P<network>[^\r\n]{1,60}?)" + _REPEATED,
        "gpu-1:101:190 [0] NCCL INFO Using network Libfabric",
        "nccl",
        "src/init.c*",
        r'"Using network %s"|Using network',
    ),
    LogFact(
        "log-fact-provider",
        ("Selected Provider is ", "Selected provider is "),
        r"Selected [Pp]rovider is (?P<provider>[\w;.-]+?)(?:, fabric is (?P<fabric>[\w.:/<>-]+))?"
        r"(?: \(found (?P<nics>\d+) nics\))?" + _REPEATED,
        "gpu-1:101:190 [0] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)",
        "plugin",
        "src/nccl_ofi_net.c*",
        r"Selected [Pp]rovider is %s",
    ),
    LogFact(
        "log-fact-platform",
        ("NET/OFI Running on ",),
        r"Running on (?P<instance>[a-z0-9-]+\.[a-z0-9-]+) platform",
        "gpu-1:101:190 [0] NCCL INFO NET/OFI Running on p5.48xlarge platform, topology file /opt/p5-topo.xml",
        "plugin",
        "src/platform-aws.c*",
        r"Running on %s platform",
    ),
    LogFact(
        "log-fact-rank",
        (" Init COMPLETE", " Init START"),
        r"\brank (?P<rank>\d+) nranks (?P<ranks>\d+)\b",
        "gpu-1:101:190 [0] NCCL INFO ncclCommInitRank comm 0x55 rank 8 nranks 16 cudaDev 0 nvmlDev 0 busId 53000 "
        "commId 0xab - Init COMPLETE",
        "nccl",
        "src/init.c*",
        r"Init COMPLETE",
    ),
    LogFact(
        "log-fact-nodes",
        (" MNNVL ",),
        r"\brank (?P<rank>\d+) nRanks (?P<ranks>\d+) nNodes (?P<nodes>\d+) ",
        "gpu-1:101:190 [0] NCCL INFO comm 0x55 rank 8 nRanks 16 nNodes 2 localRanks 8 localRank 0 MNNVL 0",
        "nccl",
        "src/init.c*",
        r"rank %d nRanks %d nNodes %d",
    ),
    # The latter is nccl-tests' own.
    LogFact(
        "log-fact-nccl",
        ("NCCL version ", "# nThread "),
        r"NCCL version \d|# nThread \d+ nGpus \d+",
        "NCCL version 2.27.7+cuda12.8",
        "nccl",
        "src/init.c*",
        r"NCCL version ",
    ),
    LogFact(
        "log-fact-sockets",
        (" via NET/Socket/",),
        r"via NET/(?P<network>Socket)/",
        "gpu-1:101:190 [0] NCCL INFO Channel 00/0 : 7[7] -> 8[0] [receive] via NET/Socket/0",
        "nccl",
        "src/transport/net.c*",
        r"via NET/%s/%d",
    ),
    LogFact(
        "log-fact-intel-provider",
        ("libfabric provider: ",),
        r"libfabric provider: (?P<provider>[\w;.-]+)",
        "[0] MPI startup(): libfabric provider: efa",
        "",
        "",
        "",
    ),
    # Open MPI's words, with --mca mtl_base_verbose, pml_base_verbose and btl_base_verbose of 10 or more. Behind
    # mtl:ofi:provider 4.1 has the domain, which is a device's name.
    LogFact(
        "log-fact-ompi-provider",
        ("mtl:ofi:prov: ", "mtl:ofi:provider: "),
        r"mtl:ofi:prov(?:ider)?: (?P<provider>(?:efa|tcp|sockets|udp|UDP|net|shm|verbs|psm[23]?|opx|cxi|gni)"
        r"(?:;\w+)*)\s*$",
        "[hpc-1:3672] mtl_ofi_component.c:333: mtl:ofi:prov: efa",
        "ompi",
        "ompi/mca/mtl/ofi/mtl_ofi_component.c",
        r"mtl:ofi:prov(ider)?: %s",
    ),
    LogFact(
        "log-fact-ompi-pml",
        ("select: component cm selected", "select: component ob1 selected", "select: component ucx selected"),
        r"select: component (?P<pml>cm|ob1|ucx) selected",
        "[hpc-1:3672] select: component cm selected",
        "ompi",
        "ompi/mca/pml/base/pml_base_select.c",
        r"select: component %s selected",
    ),
    LogFact(
        "log-fact-ompi-btl",
        ("mca: bml: Using ",),
        r"mca: bml: Using (?P<btl>\w{1,20}) btl for send to \S+ on node (?P<peer>[\w.-]{1,255})",
        "[hpc-1:3672] mca: bml: Using tcp btl for send to [[48651,1],1] on node hpc-2",
        "ompi",
        "ompi/mca/bml/r2/bml_r2.c",
        r"mca: bml: Using %s btl for send to %s on node %s",
    ),
    LogFact(
        "log-fact-hosts",
        ("MPI startup(): ",),
        r"MPI startup\(\): \d+ +\d+ +(?P<host>[\w.-]{1,255}) +\{",
        "[0] MPI startup(): 1       4201     hpc-2           {0}",
        "",
        "",
        "",
    ),
)
