"""Whether EC2 offers the nodes' types where they are to start, as far as the catalog knows."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog import offerings
from efakit.finding import ERROR, Finding, Place
from efakit.plan.plan import Plan

_SOURCE = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html"
_FIX = "take another region, zone or type; efakit catalog update renews what efakit knows"


def not_offered(plan: Plan) -> Iterator[Finding]:
    """Give the types that the region, or the queue's zone, does not offer; places have keys of the spec."""
    region = plan.spec.cluster.region or ""
    for number, queue in enumerate(plan.spec.cluster.queues):
        zone = queue.availability_zone
        for place, resource in enumerate(queue.compute_resources):
            key = "instances" if resource.flexible else "instance"
            where = Place(keys=("cluster", "queues", number, "compute_resources", place, key))
            for instance in resource.instances:
                there = region
                offered = offerings.offered_in_region(instance.name, region)
                if offered and zone:
                    there, offered = zone, offerings.offered_in_zone(instance.name, zone)
                if offered is False:
                    message = f"{instance.name} of {queue.name}/{resource.name} is not offered in {there}"
                    yield Finding("eks-offered", ERROR, message, place=where, fix=_FIX, source=_SOURCE)
