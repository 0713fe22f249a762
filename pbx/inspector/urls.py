from django.urls import path

from . import views

urlpatterns = [
    path("subscriptions/", views.subscriptions, name="subscriptions"),
    path("subscriptions/try/", views.try_event, name="try_event"),
    path("subscriptions/<str:uid>/end/", views.end, name="subscription_end"),
]
