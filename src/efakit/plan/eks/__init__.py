"""Decides what is EKS's own: a node group for each compute resource, the devices, a manifest for each job."""

from efakit.plan.eks.offered import not_offered
from efakit.plan.eks.plan import EksPlan, plan_eks
from efakit.plan.platforms import Platform, register

__all__ = ["EksPlan", "plan_eks"]

register("eks", Platform(plan_eks, findings=not_offered))
