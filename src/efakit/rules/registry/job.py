"""Rules about a job's records: what stands out beside the verdict, by ``efakit report``."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_MONITOR = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-working-monitor.html"
_EXPORTER = "https://github.com/awslabs/awsome-distributed-ai/pull/885"
_SENTINEL = "https://github.com/NVIDIA/NVSentinel/pull/1750"
_DRIVER = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/src/efa_verbs.c"
_ADMIN_QUEUE = "https://github.com/amzn/amzn-drivers/blob/master/kernel/linux/efa/src/efa_com.c"
_PEERS = "https://arxiv.org/abs/2411.01791"
_PLUGIN = "https://github.com/aws/aws-ofi-nccl"
_TYPES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-network-bandwidth.html"
_STORAGE = "https://docs.aws.amazon.com/fsx/latest/LustreGuide/configure-efa-clients.html"
_OWN = "docs/report.md"
_BUS_BANDWIDTH = "https://github.com/NVIDIA/nccl-tests/blob/master/doc/PERFORMANCE.md"

RULES = (
    Rule(
        "job-commands-unanswered",
        room="job",
        severity="error",
        what="An EFA device did not answer an admin command while the job ran.",
        why="The driver closes the admin queue of such a device: no program can create queue pairs on it any more, "
        "and its counters cannot be read. Drain the node.",
        wrong="no_completion_cmds grew by 1 on rdmap79s0 of gpu-3",
        right="no_completion_cmds did not grow",
        source=_ADMIN_QUEUE,
    ),
    Rule(
        "job-operations-failed",
        room="job",
        severity="warning",
        what="RDMA reads or writes failed while the job ran.",
        why="The program was told an error, locally or by the remote side. A rank that ends early causes it on the "
        "others; on one node alone it points to that node.",
        wrong="rdma_write_wr_err grew by 1,500 on gpu-3",
        right="rdma_write_wr_err did not grow",
        source=_DRIVER,
    ),
    Rule(
        "job-peers-unresponsive",
        room="job",
        severity="warning",
        what="Remote devices did not respond to a node.",
        why="A peer ended, hung or cannot be reached, as where its security group was changed. The counter does not "
        "say which peer.",
        wrong="unresponsive_remote_events grew by 12 on gpu-3",
        right="unresponsive_remote_events did not grow",
        source=_EXPORTER,
    ),
    Rule(
        "job-connections-impaired",
        room="job",
        severity="warning",
        what="Connections of a node's devices changed to a lower rate.",
        why="SRD found the path to a peer impaired and limits its rate. The counter does not say which peer.",
        wrong="impaired_remote_conn_events grew by 4 on gpu-3",
        right="impaired_remote_conn_events did not grow",
        source=_EXPORTER,
    ),
    Rule(
        "job-commands-refused",
        room="job",
        severity="info",
        what="EFA devices refused admin commands while the job ran.",
        why="A program asked for more than the device has, such as too many queue pairs. The program may have gone on "
        "without EFA.",
        wrong="cmds_err grew by 12 on gpu-3",
        right="cmds_err did not grow",
        source=_DRIVER,
    ),
    Rule(
        "job-path-timeouts",
        room="job",
        severity="warning",
        what="Network paths of a node's devices timed out, and the devices changed to others.",
        why="It is a sign of an unstable path. Of few packets it is an info. A driver before 2.17.0 does not count it, "
        "and devices before Nitro v4 always count 0.",
        wrong="retrans_timeout_events grew by 3,000 for 10 million packets on gpu-3",
        right="retrans_timeout_events did not grow",
        source=_MONITOR,
    ),
    Rule(
        "job-retransmits",
        room="job",
        severity="warning",
        what="A node sent a far larger part of its packets again than the other nodes did.",
        why="Retransmits are normal for SRD; a node far above its peers has a bad path, and the whole collective waits "
        "for it. Where all nodes are alike it is an info. A driver before 2.17.0 does not count them, and devices "
        "before Nitro v4 always count 0.",
        wrong="gpu-3 sent 0.09 % of its packets again, the node in the middle 0.001 %",
        right="all nodes sent about 0.001 % again",
        source=_MONITOR,
    ),
    Rule(
        "job-drops",
        room="job",
        severity="info",
        what="EFA devices dropped packets that they had received.",
        why="The sender sends them again. Many of them cost bandwidth.",
        wrong="rx_drops grew by 500 on gpu-3",
        right="rx_drops did not grow",
        source=_MONITOR,
    ),
    Rule(
        "job-device-idle",
        room="job",
        severity="warning",
        what="A node's EFA device carried nothing, while the device of the same name carried bytes on other nodes.",
        why="The node has lost a part of its bandwidth: a device that its ranks or its container cannot open, a "
        "variable that names fewer devices, or fewer ranks than on the others.",
        wrong="gpu-3 used 1 of its 16 devices, and the other nodes all 16",
        right="all nodes used the same devices",
        source=_OWN,
    ),
    Rule(
        "job-rail-idle",
        room="job",
        severity="info",
        what="EFA devices carried nothing on most nodes of the job.",
        why="The job has fewer ranks or GPUs than the node has devices, or MPI, with one device a rank: no fault. "
        "Where the job was to use all devices, look at the variables that name them.",
        wrong="rdmap96s0 to rdmap201s0 carried nothing on all 4 nodes",
        right="every device carried bytes",
        source=_OWN,
    ),
    Rule(
        "job-rail-uneven",
        room="job",
        severity="info",
        what="Some rails, the devices of one name on all nodes, carried less than the others.",
        why="aws-ofi-nccl stripes large messages evenly. Small messages, or ranks that are not placed evenly on the "
        "devices, make rails unequal.",
        wrong="rdmap79s0 carried 30 % less than the mean rail",
        right="all rails carried within 10 % of their mean",
        source=_PLUGIN,
    ),
    Rule(
        "job-device-differs",
        room="job",
        severity="info",
        what="A device's part of its node's bytes differs from that of the same device on other nodes.",
        why="Bytes say how the job used the device, not how fast it is. A rank on another device, or a device that "
        "failed during the job, makes such a difference.",
        wrong="rdmap79s0 of gpu-3 moved 200 GB, and on the other nodes about 600 GB",
        right="the same device moved about as much on each node",
        source=_PEERS,
    ),
    Rule(
        "job-node-silent",
        room="job",
        severity="warning",
        what="A node had no EFA traffic, while other nodes of the job had.",
        why="No rank used EFA there: none ran on the node, or they fell back to TCP.",
        wrong="gpu-3 moved 0 bytes over EFA, the other 15 nodes 2 TB each",
        right="all nodes moved bytes over EFA",
        source=_OWN,
    ),
    Rule(
        "job-node-differs",
        room="job",
        severity="info",
        what="A node's EFA bytes differ from those of its peers.",
        why="In most jobs all nodes move alike. Bytes differ by the program's algorithm too, such as the first and the "
        "last stage of a pipeline, and never say that a node is slow: a slow one moves the same bytes, later.",
        wrong="gpu-3 sent 1 TB, and the 15 others about 2 TB",
        right="all 16 nodes sent about 2 TB",
        source=_PEERS,
    ),
    Rule(
        "job-node-groups",
        room="job",
        severity="info",
        what="The nodes fall into groups by their EFA bytes.",
        why="Many nodes that deviate alike are the program's doing, such as stages of a pipeline, and no outliers.",
        wrong="8 nodes sent about 1 TB, and 8 about 2 TB",
        right="all 16 nodes sent about 2 TB",
        source=_PEERS,
    ),
    Rule(
        "job-over-line-rate",
        room="job",
        severity="warning",
        what="A node moved more bytes than its instance type can in the job's time.",
        why="Then the record's times, its instance type or its counters are wrong, and so may be the figures.",
        wrong="p5.48xlarge sent 80 TB within 60 s",
        right="p5.48xlarge sent 20 TB within 60 s",
        source=_TYPES,
    ),
    Rule(
        "job-storage-traffic",
        room="job",
        severity="info",
        what="A part of the EFA bytes went to or came from storage.",
        why="FSx for Lustre over EFA uses the same devices. Only one side of its traffic is on the job's nodes; the "
        "verdict does not count it. Where the record has LNet's counters, they say how much it is, even where it is as "
        "much both ways.",
        wrong="2 TB received by RDMA reads, and none sent",
        right="as much sent as received, of each operation class",
        source=_STORAGE,
    ),
    Rule(
        "job-node-shared",
        room="job",
        severity="warning",
        what="Another job ran on a node at the same time, or may have.",
        why="Counters are of devices, not of jobs: the node's figures are of all of them.",
        wrong="job 41 and job 42 on gpu-3 at the same time",
        right="#SBATCH --exclusive",
        source="https://slurm.schedmd.com/sbatch.html",
    ),
    Rule(
        "job-drivers-differ",
        room="job",
        severity="warning",
        what="The nodes of the job have different versions of the EFA driver.",
        why="A version that one node lacks, such as for RDMA writes, may turn a feature off for all, or make one node "
        "unlike the others.",
        wrong="EFA driver 2.17.3 on 15 nodes, 2.13.0 on gpu-3",
        right="EFA driver 2.17.3 on all 16 nodes",
        source=_DRIVER,
    ),
    Rule(
        "job-counters-unknown",
        room="job",
        severity="info",
        what="Counters of a device were not read both before and after the job.",
        why="What was not read is not zero: no rule says anything of these devices by these counters.",
        wrong="rdma_write_wr_err of rdmap79s0 was read by the prolog and not by the epilog",
        right="all counters were read by prolog and epilog",
        source=_OWN,
    ),
    Rule(
        "job-counters-absent",
        room="job",
        severity="info",
        what="The EFA driver does not count retransmits, time-outs and failed peers.",
        why="Drivers before 2.17.0 lack these counters: that nothing was found does not mean that there was nothing.",
        wrong="EFA driver 2.13.0",
        right="EFA driver 2.17.0 or later",
        source=_DRIVER,
    ),
    Rule(
        "bench-wrong-results",
        room="job",
        severity="error",
        what="A benchmark in the job's log says that results were wrong.",
        why="nccl-tests counts values out of bounds, and OSU's validation failed: memory, a device or a library "
        "corrupts data, and so it does in training.",
        wrong="# Out of bounds values : 248 FAILED",
        right="# Out of bounds values : 0 OK",
        source="https://github.com/NVIDIA/nccl-tests/issues/7",
    ),
    Rule(
        "bench-below-earlier",
        room="job",
        severity="warning",
        what="A benchmark is worse than all earlier runs of it on as many nodes of the type.",
        why="The cluster's own results are the measure: at least three of them, each better than this one, and the "
        "median better by the threshold. Nodes that are new in this run are named: one of them may be slow.",
        wrong="all_reduce 1 GiB: 310 GB/s, and the median of 12 earlier runs is 365",
        right="all_reduce 1 GiB: 364 GB/s, and the median of 12 earlier runs is 365",
        source=_BUS_BANDWIDTH,
    ),
    Rule(
        "bench-below-minimum",
        room="job",
        severity="warning",
        what="The average bus bandwidth of a test is below what the job itself asked for.",
        why="NCCL_TESTS_MIN_BW names the least average, and nccl-tests prints FAILED below nine tenths of it.",
        wrong="# Avg bus bandwidth    : 70.7 FAILED",
        right="# Avg bus bandwidth    : 97.2 OK",
        source="https://github.com/NVIDIA/nccl-tests/blob/master/src/util.cu",
    ),
    Rule(
        "bench-over-line-rate",
        room="job",
        severity="warning",
        what="A test over several nodes shows more bus bandwidth than the line rate of their type allows.",
        why="The bus bandwidth may be above the line rate, since NCCL adds up within a node first; on two nodes nearly "
        "twice as high. More than that did not pass the network: the ranks were on one node, or the type is another.",
        wrong="all_reduce over 2 nodes of p4d.24xlarge: 230 GB/s",
        right="all_reduce over 2 nodes of p4d.24xlarge: 57 GB/s",
        source="https://github.com/NVIDIA/nccl-tests/issues/196",
    ),
    Rule(
        "bench-without-mpi",
        room="job",
        severity="warning",
        what="Every process of nccl-tests ran for itself, with one rank.",
        why="So it is where nccl-tests was built without MPI=1, or with another MPI than the one that starts it: the "
        "bus bandwidth is 0, and the network was not tested.",
        wrong="#  Rank  0 Group  0 on gpu-1 ... and another #  Rank  0 Group  0 on gpu-2",
        right="#  Rank  0 Group  0 on gpu-1 ... and #  Rank  1 Group  0 on gpu-2",
        source="https://github.com/NVIDIA/nccl-tests/issues/107",
    ),
    Rule(
        "bench-broken-off",
        room="job",
        severity="info",
        what="A result table of nccl-tests has no end.",
        why="The test was stopped or failed, or the log is cut: larger sizes are not known.",
        wrong="the last line of the log is a row of the table",
        right="# Avg bus bandwidth    : 70.742",
        source="https://github.com/NVIDIA/nccl-tests/blob/master/src/util.cu",
    ),
    Rule(
        "bench-no-number",
        room="job",
        severity="info",
        what="A result table has NaN or infinity in place of a number.",
        why="Such a row measured nothing, and is not judged.",
        wrong="1048576  262144  float  sum  -1  0.00  inf  nan  0",
        right="1048576  262144  float  sum  -1  203.2  5.16  9.68  0",
        source="https://github.com/NVIDIA/nccl-tests/blob/master/src/util.cu",
    ),
)
