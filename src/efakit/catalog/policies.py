"""Policies that AWS manages and that people attach to the nodes of a cluster; there are many more."""

from __future__ import annotations

# Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
# None is one letter away from another policy of AWS's: a name that is one letter away from one of these is none.
COMMON = (
    "AWSBatchFullAccess",
    "AWSCloudFormationFullAccess",
    "AWSCloudFormationReadOnlyAccess",
    "AWSPriceListServiceFullAccess",
    "AdministratorAccess",
    "AmazonBedrockFullAccess",
    "AmazonDynamoDBFullAccess",
    "AmazonEC2ContainerRegistryFullAccess",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonElasticFileSystemClientFullAccess",
    "AmazonElasticFileSystemFullAccess",
    "AmazonFSxFullAccess",
    "AmazonFSxReadOnlyAccess",
    "AmazonPrometheusRemoteWriteAccess",
    "AmazonRDSFullAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMFullAccess",
    "AmazonSSMManagedInstanceCore",
    "AmazonSageMakerFullAccess",
    "CloudWatchAgentServerPolicy",
    "CloudWatchFullAccess",
    "CloudWatchLogsFullAccess",
    "PowerUserAccess",
    "SecretsManagerReadWrite",
)
