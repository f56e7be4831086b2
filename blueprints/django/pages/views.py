"""The pages."""

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render

from .models import Note


def index(request):
    return render(request, "index.html", {"notes": Note.objects.all()[:20]})


def health(request):
    """Lugsail asks here whether a new release works before it gets visitors."""
    connection.ensure_connection()
    return HttpResponse("ok", content_type="text/plain")
