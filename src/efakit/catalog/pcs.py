"""What AWS PCS asks for, as rows. Not run: the user guide, the API's model and public templates say it.

Public templates: awslabs/awsome-distributed-ai at 95b939cd, ``architectures/aws-pcs/assets``.
"""

from __future__ import annotations

TEMPLATES = (
    "https://github.com/awslabs/awsome-distributed-ai/tree/95b939cdc5b24ded03a70da21533964f9354b731/"
    "architectures/aws-pcs/assets"
)
OPERATIONS = (
    "https://github.com/awslabs/awsome-distributed-ai/blob/95b939cdc5b24ded03a70da21533964f9354b731/"
    "architectures/aws-pcs/docs/OPERATIONS.md"
)
NETWORKING = "https://docs.aws.amazon.com/pcs/latest/userguide/working-with_networking_efa.html"
GROUP = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-pcs-computenodegroup.html"
LAUNCH_TEMPLATES = "https://docs.aws.amazon.com/pcs/latest/userguide/working-with_launch-templates.html"
IMAGE = "/aws/service/pcs/ami/dlami-base-ubuntu2404/x86_64/latest/ami-id"
"""The public parameter that those templates name."""
AGENT = "1.5.0-1"
"""The least release of PCS's agent for lifecycle actions."""
MOST_SCRIPT_BYTES = 2 << 20
"""Of a lifecycle action."""
MOST_LETTERS = 25
"""Of a compute node group's name and a queue's (botocore's model of CreateComputeNodeGroup)."""
PURCHASE = {"on-demand": "ONDEMAND", "spot": "SPOT", "capacity-block": "CAPACITY_BLOCK"}
