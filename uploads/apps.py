"""The domain as a Django application."""

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """Files, jobs, streams."""

    name = "uploads"
    verbose_name = "Millrace"
