"""The launch templates that pcluster would create, from its own CDK synthesis. Needs node.js."""

from __future__ import annotations

from typing import Any


def launch_templates(config: str, cluster_name: str) -> list[dict[str, Any]]:
    """Each ``LaunchTemplateData`` of the cluster's stacks, with the template's name as ``LaunchTemplateName``.

    Runs inside the worker, where AWS is simulated. Raises pcluster's ConfigValidationError for a config that its
    validators refuse.
    """
    from pcluster.api.controllers.common import configure_aws_region_from_config, get_validator_suppressors
    from pcluster.aws.s3 import S3Client
    from pcluster.models.cluster import Cluster
    from pcluster.templates.cdk_builder import CDKTemplateBuilder
    from pcluster.validators.common import FailureLevel

    from efakit.vendor.simulated_account.server import SUPPRESSED_VALIDATORS

    # moto applies the Deny-unless-TLS statement of the policy without its condition: every put would be forbidden.
    S3Client.put_bucket_policy = lambda *_args, **_kwargs: None
    configure_aws_region_from_config(None, config)
    cluster = Cluster(cluster_name, config)
    cluster.validate_create_request(get_validator_suppressors(list(SUPPRESSED_VALIDATORS)), FailureLevel.ERROR)
    cluster._add_tags()
    cluster._generate_artifact_dir()
    body, assets = CDKTemplateBuilder().build_cluster_template(
        cluster_config=cluster.config, bucket=cluster.bucket, stack_name=cluster.stack_name
    )
    stacks = [body, *(asset["content"] for asset in assets)]
    properties = [
        resource["Properties"]
        for stack in stacks
        for resource in stack.get("Resources", {}).values()
        if resource["Type"] == "AWS::EC2::LaunchTemplate"
    ]
    return [
        {"LaunchTemplateName": item.get("LaunchTemplateName", ""), **item["LaunchTemplateData"]} for item in properties
    ]
