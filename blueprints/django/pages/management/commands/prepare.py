"""Runs before each release gets visitors (see Procfile)."""

import os
import time

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection


class Command(BaseCommand):
    help = "Waits for the database, brings its tables up to date, and makes the first admin."

    def handle(self, *args, **options):
        for _ in range(120):
            try:
                connection.ensure_connection()
                break
            except OperationalError:
                time.sleep(0.5)
        call_command("migrate", interactive=False)
        people = get_user_model().objects
        password = os.environ.get("ADMIN_PASSWORD")
        if password and not people.filter(is_superuser=True).exists():
            people.create_superuser("admin", password=password)
            self.stdout.write("Made the user admin")
