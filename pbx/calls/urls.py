from django.urls import path

from . import views

urlpatterns = [
    path("calls/", views.call_list, name="calls"),
    path("calls/of/", views.calls_of, name="calls_of"),
    path("calls/<str:uid>/", views.call_detail, name="call"),
]
