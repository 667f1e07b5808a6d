"""Hooks the project's own checks into `manage.py check --deploy`, and ends the imports."""

import gc

from django.apps import AppConfig
from django.core.checks import Tags, register

from project import checks


class ProjectConfig(AppConfig):
    """The wiring."""

    name = "project"

    def ready(self) -> None:
        """Register what is looked at before others come.

        What was imported is never garbage: to look for some among it took a fifth of each start.
        """
        gc.freeze()
        gc.enable()
        register(checks.check_deployment, Tags.security, deploy=True)
        register(checks.check_sandbox, Tags.security, deploy=True)
