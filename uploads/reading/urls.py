"""Addresses of the API and of what machines ask the server."""

from django.urls import include, path

from uploads.reading import api, asyncapi, docs, health, zip_doors

urlpatterns = [
    path("api/openapi.json/", docs.OpenApi.as_view(), name="openapi"),
    path("api/asyncapi.json/", asyncapi.AsyncApi.as_view(), name="asyncapi"),
    path("api/docs/", docs.Docs.as_view(), name="docs"),
    path("api/files/zip/form/", zip_doors.ZipForm.as_view(), name="zip-form"),
    path("api/", include((api.urlpatterns, "api"))),
    path("healthz/", health.Healthz.as_view(), name="healthz"),
    path("readyz/", health.Readyz.as_view(), name="readyz"),
    path("metrics/", health.Metrics.as_view(), name="metrics"),
]
