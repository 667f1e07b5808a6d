"""Every address. Each pattern ends with a slash; `project.http` adds the one that a client left
out.
"""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("uploads.urls")),  # first: a few doors of the administration are ours
    path("admin/", admin.site.urls),
]

handler400 = "uploads.reading.oops.bad_request"
handler403 = "uploads.reading.oops.forbidden"
handler404 = "uploads.reading.oops.not_found"
handler500 = "uploads.reading.oops.failed"
