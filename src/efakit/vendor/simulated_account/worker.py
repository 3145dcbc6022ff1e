"""The process behind `Judge`: pcluster's validators and its CDK synthesis, with moto in the same process."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from pathlib import Path
from typing import Any

from efakit.vendor.child import Answer, answer_lines
from efakit.vendor.simulated_account.contents import SimulatedAccount
from efakit.vendor.simulated_account.images import write_official_images
from efakit.vendor.simulated_account.install import Holder
from efakit.vendor.simulated_account.server import SUPPRESSED_VALIDATORS
from efakit.vendor.simulated_account.spared import spare
from efakit.vendor.simulated_account.synthesis import launch_templates
from efakit.vendor.simulated_account.watch import Watch


def main() -> None:
    """Answer dry runs and syntheses until standard input closes."""
    gc.disable()  # until the first answer: what is imported stays, and looking through it takes a tenth of the time
    images = Path.cwd() / "images.json"
    write_official_images(images)
    os.environ["MOTO_AMIS_PATH"] = str(images)  # read when moto is imported

    worker = Worker()
    answer_lines(worker.handle)
    if not worker.synthesised:
        os._exit(0)  # freeing what moto holds takes as long as an answer; only a synthesis leaves something to end


class Worker:
    """Holds one account after the other, and judges configs in it."""

    def __init__(self) -> None:
        from pcluster import utils
        from pcluster.api.controllers import cluster_operations_controller

        # pcluster asks for the event loop of its thread, and Python 3.14 makes none by itself.
        asyncio.set_event_loop(asyncio.new_event_loop())
        spare()
        self._holder = Holder()
        self._watch = Watch()
        self._account: SimulatedAccount | None = None
        self.synthesised = False
        self._asked = False
        self._impossible: list[str] = []
        self._controller = cluster_operations_controller
        # The list that pcluster carries, without asking the web for a newer one first.
        regions = Path(utils.__file__).with_name("resources") / "supported-regions"
        utils.retrieve_supported_regions.cache = regions.read_text(encoding="utf-8").split()
        # A dry run starts no CDK, so it needs no node.js; the command line asks for it all the same.
        cluster_operations_controller.assert_valid_node_js = lambda: None
        _reach_every_url()

    def handle(self, request: dict[str, Any]) -> Answer:
        """Answer one request of `Judge`."""
        if self._asked:
            _collect_from_now_on()
        self._asked = True
        config, cluster_name = request["config"], request["cluster_name"]
        synthesise = request["operation"] == "synthesise"
        # DevSettings that describe instance types would hold for the next config as well, and pcluster would not list
        # them beside the types that it has listed before. In a synthesis it uploads to a bucket of its own.
        alone = synthesise or "InstanceTypesData" in config
        if alone:
            self._account = None
        self._hold(SimulatedAccount.from_json(request["account"]))
        try:
            if synthesise:
                self.synthesised = True
                return {"launch_templates": launch_templates(config, cluster_name)}
            return self._dry_run(config, cluster_name)
        finally:
            if alone:
                self._account = None

    def _hold(self, account: SimulatedAccount) -> None:
        _forget_urls()
        # pcluster sets the region of a config in the environment, and leaves it there.
        if account == self._account and os.environ["AWS_DEFAULT_REGION"] == account.region:
            return
        os.environ["AWS_DEFAULT_REGION"] = account.region
        self._account = None
        self._impossible = self._holder.hold(account)
        _forget_account()
        self._account = account

    def _dry_run(self, config: str, cluster_name: str) -> Answer:
        """The answer of the API operation that the command line calls, errors included."""
        from pcluster.api import encoder, errors

        self._watch.begin()
        try:
            self._controller.create_cluster(
                {"clusterName": cluster_name, "clusterConfiguration": config},
                suppress_validators=list(SUPPRESSED_VALIDATORS),
                dryrun=True,
            )
        except Exception as error:
            answer: Answer = json.loads(encoder.JSONEncoder().encode(errors.exception_message(error)))
            fault = isinstance(error, errors.InternalServiceException)
            heard = {"doubts": self._watch.doubts, "refused": self._watch.refused(), "impossible": self._impossible}
            return {**answer, "heard": {**heard, "fault": fault}}
        raise AssertionError("a dry run of pcluster ends in an exception, whatever it says")


def _collect_from_now_on() -> None:
    """Look for circles among what is made from now on; what was imported is left out."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(50_000)
        gc.enable()


def _reach_every_url() -> None:
    """Let each https address answer: what a config names exists, and nothing leaves the machine.

    pcluster's own request would fail at the proxy that is not there; what it says of addresses that are none, it says
    before.
    """
    import io

    from pcluster.validators import s3_validators

    def opened(url: str) -> io.BytesIO:
        if not url.partition("://")[2]:
            raise ValueError(url)
        return io.BytesIO()

    s3_validators.urlopen = opened


def _forget_account() -> None:
    """Empty what pcluster knows of the account."""
    from pcluster.aws.aws_api import AWSApi
    from pcluster.aws.common import Cache

    AWSApi.reset()
    Cache.clear_all()  # keyed by the hash of a client that may stand where the one before it stood


def _forget_urls() -> None:
    """Let a URL be looked at again: for ten seconds pcluster does not, and a second config hears no warning."""
    import inspect

    from pcluster.validators.s3_validators import UrlValidator

    inspect.getclosurevars(UrlValidator._validate_async).nonlocals["_cache"].clear()


if __name__ == "__main__":
    main()
