"""Hooks the project's own checks into `manage.py check --deploy`."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from project import checks


class ProjectConfig(AppConfig):
    """The wiring."""

    name = "project"

    def ready(self) -> None:
        """Register what is looked at before others come."""
        register(checks.check_deployment, Tags.security, deploy=True)
        register(checks.check_sandbox, Tags.security, deploy=True)
