"""Which address leads to what."""

from django.contrib import admin
from django.urls import path

from pages import views

urlpatterns = [
    path("", views.index, name="index"),
    path("health", views.health),
    path("admin/", admin.site.urls),
]
