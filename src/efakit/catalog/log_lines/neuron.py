"""Lines of the Neuron runtime."""

from __future__ import annotations

from efakit.catalog.log_lines.row import CAUSE, FAILURE, FOLLOWS, LogLine

_SDK = "https://github.com/aws-neuron/aws-neuron-sdk/issues/"

ROWS = (
    LogLine(
        "log-neuron-no-device",
        "Neuron",
        CAUSE,
        "error",
        ("No neuron device available",),
        "no Neuron device is available to this process",
        "another process holds the devices, the driver is not loaded, or the container has no /dev/neuron*",
        "end the processes that still run on the node (neuron-ls shows them), and check lsmod for neuron",
        "https://github.com/aws-neuron/aws-neuron-samples/issues/44",
        "2023-Sep-24 10:00:00.000100 101:101 ERROR  TDRV:tdrv_get_dev_info                       No neuron device "
        "available",
    ),
    LogLine(
        "log-neuron-cores",
        "Neuron",
        CAUSE,
        "error",
        ("NeuronCore(s) not available - Requested:",),
        "the NeuronCores that this process asks for are taken: {cores}",
        "another process holds them, such as one of an earlier job that has not ended",
        "end the processes that still run on the node (neuron-ls shows them), or give each process cores of its own by "
        "NEURON_RT_VISIBLE_CORES",
        "https://github.com/aws-neuron/aws-neuron-sagemaker-samples/issues/9",
        "2024-Jun-13 10:00:00.000100 101:101 ERROR   NRT:nrt_allocate_neuron_cores               NeuronCore(s) not "
        "available - Requested:nc1-nc1 Available:0",
        pattern=r"NeuronCore\(s\) not available - (?P<cores>Requested:[\w-]{1,40} Available:\d+)",
    ),
    LogLine(
        "log-neuron-topology",
        "Neuron",
        CAUSE,
        "error",
        ("Unsupported topology. Supported number of Neuron Cores is ",),
        "this instance type has no collectives among that many NeuronCores: it has {numbers}",
        "the model was compiled for another number of cores, or started on another number",
        "compile and start it for a supported number, or use another instance type",
        "https://github.com/huggingface/optimum-neuron/issues/619",
        "2024-Jun-02 04:05:36.428977   273:478   ERROR   NRT:nrt_load_collectives                    Unsupported "
        "topology. Supported number of Neuron Cores is 1, 2, 8, 16 or a multiple of 32.",
        sure=True,
        pattern=r"Supported number of Neuron Cores is (?P<numbers>[^.\r\n]{1,80})",
    ),
    LogLine(
        "log-neuron-memory",
        "Neuron",
        FAILURE,
        "error",
        ("Failed to alloc DEVICE memory: ",),
        "a Neuron device's memory is full",
        "the model with its tensors does not fit into the memory of its NeuronCores",
        "spread it over more cores, or make the batch or the sequence shorter",
        _SDK + "1014",
        "2024-Oct-15 18:01:17.728750  3882:3882  ERROR  TDRV:dmem_alloc_internal                     Failed to alloc "
        "DEVICE memory: 180355072",
        pattern=r"ERROR\s+TDRV:\w+\s+Failed to alloc DEVICE memory",
    ),
    LogLine(
        "log-neuron-instances",
        "Neuron",
        FAILURE,
        "error",
        ("Nrt::BuildGlobalComm failed",),
        "the processes did not come together: {error}",
        "on several instances NEURON_RT_ROOT_COMM_ID is not set, or is not an address of the first one that the others "
        "reach",
        "set NEURON_RT_ROOT_COMM_ID to ADDRESS:PORT of the first instance on all of them",
        "https://github.com/ray-project/ray/issues/65070",
        'Nrt::BuildGlobalComm failed on NeuronCores 0-1(2):  nrt_status=1, message="Non specific failure".',
        pattern=r"BuildGlobalComm failed[^\r\n]*(?P<error>nrt_status=\d+)",
    ),
    LogLine(
        "log-neuron-init",
        "Neuron",
        FOLLOWS,
        "error",
        ("Neuron runtime cannot be initialized",),
        "the Neuron runtime did not start",
        "another process holds the devices, or there is no device",
        "see the lines of NRT and TDRV before it",
        "https://github.com/aws-neuron/aws-neuron-samples/issues/44",
        "RuntimeError: Neuron runtime cannot be initialized; cannot determine the number of available NeuronCores",
    ),
    LogLine(
        "log-neuron-load",
        "Neuron",
        FAILURE,
        "error",
        (
            "nrt_load status=",
            "nrt_load_collectives status=",
            "nrt_execute status=",
            "nrt_execute: status=",
            "nrt_tensor_allocate status=",
        ),
        "the Neuron runtime could not load or run a model: {error}",
        "the model and the processes have different numbers of cores, a collective could not start, or a device "
        "failed; status 4: it does not fit into the devices' memory",
        "see the lines of NRT before it; NEURON_RT_LOG_LEVEL=INFO shows more",
        _SDK + "779",
        "RuntimeError: INTERNAL: Nrt::Load failed on NeuronCores 0-0(2): nrt_load status=1, error "
        'message="Non specific '
        'failure".',
        pattern=r"(?P<error>nrt_\w+:? status=\d+(?:,? (?:error )?message=\"[^\"\r\n]{1,120}\")?)",
    ),
    LogLine(
        "log-neuron-dump",
        "Neuron",
        FOLLOWS,
        "error",
        ("ERROR   NRT:nrt_infodump",),
        "the Neuron runtime failed and wrote its state",
        "named in the lines before it",
        "see the lines ERROR before it",
        _SDK + "851",
        "2024-May-21 16:08:34.200978 58093:58093 ERROR   NRT:nrt_infodump                            "
        "------------->8------------[ cut here ]------------>8-------------",
    ),
    LogLine(
        "log-neuron-invalid-model",
        "Neuron",
        CAUSE,
        "error",
        ("NEFF is invalid; it could be broken or hacked",),
        "a compiled model is broken",
        "it was written by several processes at once, or the cache is truncated",
        "clear the compiler's cache, and compile once before all ranks start",
        _SDK + "742",
        "RuntimeError: INVALID_ARGUMENT - NEFF is invalid; it could be broken or hacked",
    ),
)
