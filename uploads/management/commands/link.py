"""`manage.py link NAME`: a link that signs a user in once on stdout, and nothing else there."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from uploads import people
from uploads.models import User


class Command(BaseCommand):
    """Make a sign-in link."""

    help = "Prints a link that signs a user in once, within a day; makes the user where missing."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """NAME."""
        parser.add_argument("name", help="the user")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        """Make it and print it."""
        try:
            User.username_validator(name)
        except ValidationError as error:
            raise CommandError(f"{name!r} is no user name: {error.messages[0]}") from None
        with transaction.atomic():
            path = people.make_sign_in_link(people.person(name))
        self.stdout.write(f"{settings.ORIGINS[-1]}{path}")
