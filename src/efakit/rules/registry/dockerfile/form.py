"""Rules for Dockerfiles: what BuildKit makes of the lines, much of which ``docker build --check`` says as well."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_CHECKS = "https://docs.docker.com/reference/build-checks/"
_REFERENCE = "https://docs.docker.com/reference/dockerfile/"

RULES = (
    Rule(
        "instruction-swallowed",
        room="dockerfile",
        severity="error",
        what="An instruction stands among the continued lines of the one above it.",
        why="A backslash at the end of a line goes on over empty lines and comments. What follows is no instruction of "
        "its own then: an ENV is taken for words of the command before it, and its variable is never set.",
        wrong="""
            FROM ubuntu:24.04
            RUN ./efa_installer.sh -y --skip-kmod --no-verify \\

            ENV PATH=/opt/amazon/openmpi/bin:$PATH
        """,
        right="""
            FROM ubuntu:24.04
            RUN ./efa_installer.sh -y --skip-kmod --no-verify

            ENV PATH=/opt/amazon/openmpi/bin:$PATH
        """,
        source=_CHECKS + "no-empty-continuation/",
    ),
    Rule(
        "image-commands-unread",
        room="dockerfile",
        severity="info",
        what="The directive escape names another sign than the backslash, and efakit has not read the commands of RUN.",
        why="In the shell the backslash keeps its own meaning, and the other sign continues the lines: efakit cannot "
        "tell which is meant. A file without findings is not known to be right then.",
        wrong="""
            # escape=`
            FROM ubuntu:24.04
            RUN ldconfig
        """,
        right="""
            FROM ubuntu:24.04
            RUN ldconfig
        """,
        source=_REFERENCE + "#escape",
    ),
    Rule(
        "continuation-empty",
        room="dockerfile",
        severity="warning",
        what="An empty line stands among the continued lines of an instruction.",
        why="Docker goes on over it today, says so (NoEmptyContinuation), and will refuse it in a later release.",
        wrong="""
            FROM ubuntu:24.04
            RUN apt-get update && \\

                apt-get install -y curl
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update && \\
                apt-get install -y curl
        """,
        source=_CHECKS + "no-empty-continuation/",
    ),
    Rule(
        "image-variable-undefined",
        room="dockerfile",
        severity="warning",
        what="An instruction uses a variable that nothing in its stage sets.",
        why="Docker puts nothing in its place. An ARG above the first FROM is not known below it: each stage names it "
        "again. A list of folders then ends with a colon, by which the loader takes the current folder as well. An "
        "info where the base image may set the variable.",
        wrong="""
            ARG EFA_PREFIX=/opt/amazon/efa
            FROM ubuntu:24.04
            ENV PATH=${EFA_PREFIX}/bin:$PATH
        """,
        right="""
            ARG EFA_PREFIX=/opt/amazon/efa
            FROM ubuntu:24.04
            ARG EFA_PREFIX
            ENV PATH=${EFA_PREFIX}/bin:$PATH
        """,
        source=_CHECKS + "undefined-var/",
    ),
    Rule(
        "image-argument-not-declared",
        room="dockerfile",
        severity="warning",
        what="RUN uses a variable that only an ARG above the first FROM sets.",
        why="That ARG is not known below FROM. The shell puts nothing in its place: the address of a download is "
        "another one, or the version is missing. An info where the base image may set it.",
        wrong="""
            ARG EFA_VERSION=1.51.0
            FROM ubuntu:24.04
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-${EFA_VERSION}.tar.gz
        """,
        right="""
            FROM ubuntu:24.04
            ARG EFA_VERSION=1.51.0
            RUN curl -O https://efa-installer.amazonaws.com/aws-efa-installer-${EFA_VERSION}.tar.gz
        """,
        source=_REFERENCE + "#understand-how-arg-and-from-interact",
    ),
    Rule(
        "image-env-old-form",
        room="dockerfile",
        severity="info",
        what="ENV has its old form, a name and a value with a blank between them.",
        why="The whole rest of the line is the value, and one ENV sets one variable. Docker says so too "
        "(LegacyKeyValueFormat).",
        wrong="""
            FROM ubuntu:24.04
            ENV PATH /opt/amazon/openmpi/bin:$PATH
        """,
        right="""
            FROM ubuntu:24.04
            ENV PATH=/opt/amazon/openmpi/bin:$PATH
        """,
        source=_CHECKS + "legacy-key-value-format/",
    ),
    Rule(
        "instruction-unknown",
        room="dockerfile",
        severity="error",
        what="A line begins with no instruction of Docker's.",
        why="The build ends there: unknown instruction. Often a backslash is missing at the end of the line before.",
        wrong="""
            FROM ubuntu:24.04
            RUM apt-get update
        """,
        right="""
            FROM ubuntu:24.04
            RUN apt-get update
        """,
        source=_REFERENCE,
    ),
    Rule(
        "image-shell-is-dash",
        room="dockerfile",
        severity="warning",
        what="RUN on Ubuntu or Debian compares with == or [[, and its shell is dash.",
        why="Without SHELL, RUN is /bin/sh, which is dash there. dash knows neither, and takes the test for false. The "
        "build goes on, and what the condition guards is not done: the image is without EFA. Asked of images that "
        "have to do with EFA or NCCL.",
        wrong="""
            FROM ubuntu:24.04
            ARG WITH_EFA=true
            COPY aws-efa-installer /tmp/efa
            RUN if [ "$WITH_EFA" == true ]; then /tmp/efa/efa_installer.sh -y --skip-kmod -n; fi
        """,
        right="""
            FROM ubuntu:24.04
            ARG WITH_EFA=true
            COPY aws-efa-installer /tmp/efa
            RUN if [ "$WITH_EFA" = true ]; then /tmp/efa/efa_installer.sh -y --skip-kmod -n; fi
        """,
        source="https://github.com/ai-dynamo/nixl/pull/1555",
    ),
)
