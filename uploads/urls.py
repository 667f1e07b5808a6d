"""The domain's addresses."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from uploads.reading import account, files_page, joining, oops, pages, signing
from uploads.receiving import form_views, tus_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("uploads/", tus_views.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", tus_views.UploadDoor.as_view(), name="upload"),
    path("", pages.Dashboard.as_view(), name="dashboard"),
    path("files/", files_page.Files.as_view(), name="files"),
    path("files/<uuid:file_id>/", pages.OneFile.as_view(), name="file"),
    path("join/<str:secret>/", joining.Join.as_view(), name="join"),
    path("sign-in/", signing.SignIn.as_view(), name="sign-in"),
    path("sign-in/<str:token>/", signing.SignIn.as_view(), name="sign-in-link"),
    path("upload/", form_views.FormDoor.as_view(page=oops.refused), name="form"),
    re_path(r"^upload/(?P<name>[\s\S]+)/\Z", form_views.PlainDoor.as_view(), name="plain"),
    path("settings/", account.Settings.as_view(), name="settings"),
    path("sign-out/", signing.SignOut.as_view(), name="sign-out"),
    # the administration's own would count no tries, and leave what the session let in open
    path("admin/login/", signing.staff),
    path("admin/logout/", signing.SignOut.as_view()),
    path("admin/password_change/", RedirectView.as_view(pattern_name="settings")),
    path("", include("uploads.reading.urls")),
]
