"""`manage.py token NAME [--space SLUG]`: an API token on stdout, and nothing else there."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from django.db import transaction

from uploads import people
from uploads.access.identity import ALL_SCOPES
from uploads.models import User


class Command(BaseCommand):
    """Make an API token."""

    help = "Prints a new API token of a user, who is made where missing."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """NAME, --space, --scope."""
        parser.add_argument("name", help="the user")
        parser.add_argument(
            "--space", help="reach this space only; it and the membership are made where missing"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=[*ALL_SCOPES, "metrics"],
            help="may be given several times; default: all but metrics",
        )

    def handle(
        self, *_args: Any, name: str, space: str | None, scope: list[str] | None, **_options: Any
    ) -> None:
        """Make it and print it."""
        try:
            User.username_validator(name)
            if space is not None:
                validate_slug(space)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        with transaction.atomic():
            user = people.person(name)
            reach = None if space is None else people.shared_space(space, user)
            _, secret = people.make_token(user, space=reach, scopes=tuple(scope or ALL_SCOPES))
        self.stdout.write(secret)
