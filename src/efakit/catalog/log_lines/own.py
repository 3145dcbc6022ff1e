"""Lines of efakit's own watch (``efakit.hook.watch_node``), in the output of the job that it watched."""

from __future__ import annotations

from efakit.catalog.log_lines.row import CAUSE, LogLine

_SOURCE = "docs/jobs.md"

ROWS = (
    LogLine(
        "log-watch-ended-job",
        "efakit",
        CAUSE,
        "error",
        (" by its watch on ",),
        "the job was {how} by its watch on {node}",
        "its ranks talked over TCP and not over EFA",
        "look for the cause of the fallback in the lines before; 'watch: warn' lets such a job go on",
        _SOURCE,
        "efakit: job 4711 is cancelled by its watch on gpu-st-p5-1, since its ranks do not use EFA",
        sure=True,
        pattern=r"efakit: job \S+ is (?P<how>cancelled|requeued) by its watch on (?P<node>[\w.-]{1,200}),",
    ),
    LogLine(
        "log-watch-fallback",
        "efakit",
        CAUSE,
        "error",
        (": the ranks talk over TCP and not over EFA: ",),
        "the watch on {node} saw the ranks talk over TCP and not over EFA",
        "EFA was not chosen, or could not be used, when the ranks connected",
        "look for the cause of the fallback in the lines before",
        _SOURCE,
        "efakit: warning on gpu-st-p5-1: the ranks talk over TCP and not over EFA: 96 MB exchanged with 1 of the job's "
        "nodes over TCP in 8 s, none over EFA; 'efakit diagnose' on this output looks for the cause",
        pattern=r"efakit: (?:warning|error) on (?P<node>[\w.-]{1,200}): the ranks talk over TCP",
    ),
)
