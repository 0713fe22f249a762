from django.conf.urls.i18n import urlpatterns as i18n_urls
from django.urls import include, path

from . import views

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", views.SignOut.as_view(), name="logout"),
    path("password/", views.ChangePassword.as_view(), name="password_change"),
    path("i18n/", include(i18n_urls)),
]
