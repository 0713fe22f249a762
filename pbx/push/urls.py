from django.urls import path

from . import views

urlpatterns = [
    path("devices/", views.device_list, name="devices"),
    path("devices/new/", views.device_new, name="device_new"),
    path("devices/<int:pk>/", views.device_detail, name="device"),
    path("devices/<int:pk>/delete/", views.device_delete, name="device_delete"),
]
