from django.urls import path

from . import group_views, views

urlpatterns = [
    path("subscribers/", views.subscriber_list, name="subscribers"),
    path("subscribers/new/", views.subscriber_new, name="subscriber_new"),
    path("subscribers/<int:pk>/", views.subscriber_detail, name="subscriber"),
    path("subscribers/<int:pk>/edit/", views.subscriber_edit, name="subscriber_edit"),
    path("subscribers/<int:pk>/password/", views.subscriber_password, name="subscriber_password"),
    path("subscribers/<int:pk>/suspend/", views.subscriber_enabled, {"enabled": False}, name="subscriber_suspend"),
    path("subscribers/<int:pk>/resume/", views.subscriber_enabled, {"enabled": True}, name="subscriber_resume"),
    path("subscribers/<int:pk>/delete/", views.subscriber_delete, name="subscriber_delete"),
    path("groups/", group_views.group_list, name="groups"),
    path("groups/new/", group_views.group_new, name="group_new"),
    path("groups/<int:pk>/", group_views.group_detail, name="group"),
    path("groups/<int:pk>/edit/", group_views.group_edit, name="group_edit"),
    path("groups/<int:pk>/delete/", group_views.group_delete, name="group_delete"),
]
