"""The domain's addresses."""

from django.urls import URLPattern, URLResolver, path

from uploads.reading import pages
from uploads.receiving import tus_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.Dashboard.as_view(), name="dashboard"),
    path("sign-in/", pages.SignIn.as_view(), name="sign-in"),
    path("sign-in/<str:token>/", pages.SignIn.as_view(), name="sign-in-link"),
    path("uploads/", tus_views.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", tus_views.UploadDoor.as_view(), name="upload"),
    path("sign-out/", pages.SignOut.as_view(), name="sign-out"),
]
