"""Every address. Each pattern ends with a slash; `project.http` adds the one that a client left
out.
"""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("uploads.urls")),
]
