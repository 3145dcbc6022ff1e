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
        ("nrt_load status=", "nrt_load_collectives status=", "nrt_execute status=", "nrt_execute: status="),
        "the Neuron runtime could not load or run a model: {error}",
        "the model and the processes have different numbers of cores, a collective could not start, or a device failed",
        "see the lines of NRT before it; NEURON_RT_LOG_LEVEL=INFO shows more",
        _SDK + "779",
        "RuntimeError: INTERNAL: Nrt::Load failed on NeuronCores 0-0(2): nrt_load status=1, error "
        'message="Non specific '
        'failure".',
        pattern=r"(?P<error>nrt_\w+:? status=\d+(?:, error message=\"[^\"\r\n]{1,120}\")?)",
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
