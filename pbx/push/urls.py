from django.urls import path

from . import asking, own_devices, reporter, views

urlpatterns = [
    path("push/", views.overview, name="push"),
    path("push/v1/acrobits", reporter.acrobits, name="acrobits_reporter"),
    path("push/v1/calls/<uuid:push_id>", asking.call_state, name="push_call_state"),
    path("push/v1/devices", own_devices.devices, name="own_devices"),
    path("push/of-call/<str:uid>/", views.pushes_of_call, name="pushes_of_call"),
    path("push/<str:provider>/check/", views.check, name="push_check"),
    path("devices/", views.device_list, name="devices"),
    path("devices/new/", views.device_new, name="device_new"),
    path("devices/<int:pk>/", views.device_detail, name="device"),
    path("devices/<int:pk>/wake/", views.device_wake, name="device_wake"),
    path("devices/<int:pk>/wake.json", views.device_wake_state, name="device_wake_state"),
    path("devices/<int:pk>/delete/", views.device_delete, name="device_delete"),
]
