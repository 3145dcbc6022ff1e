"""Rules for Dockerfiles, by the modules of ``lint/dockerfile`` that ask them."""

from __future__ import annotations

from efakit.rules.registry.dockerfile import base, form, installer, plugin, setting

RULES = (*form.RULES, *installer.RULES, *plugin.RULES, *base.RULES, *setting.RULES)
