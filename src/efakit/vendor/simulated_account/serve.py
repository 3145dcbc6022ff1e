"""The process behind `MotoServer`: moto as an HTTP server on this machine, holding a simulated account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from efakit.vendor.child import Answer, answer_lines
from efakit.vendor.simulated_account.contents import SimulatedAccount
from efakit.vendor.simulated_account.images import write_official_images
from efakit.vendor.simulated_account.install import Holder


def main() -> None:
    """Serve until standard input closes; each request holds an account that replaces the one before."""
    images = Path.cwd() / "images.json"
    write_official_images(images)
    os.environ["MOTO_AMIS_PATH"] = str(images)  # read when moto is imported

    import moto.server

    holder = Holder()
    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()

    def handle(request: dict[str, Any]) -> Answer:
        holder.hold(SimulatedAccount.from_json(request["account"]))
        host, port = server.get_host_and_port()
        return {"endpoint": f"http://{host}:{port}"}

    try:
        answer_lines(handle)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
