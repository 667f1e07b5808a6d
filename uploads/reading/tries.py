"""The only module that counts tries, so that nobody guesses passwords or makes accounts by the
thousand: by name, and by where they come from.

An address counts with its whole IPv6 network of 64 bits, which one customer has for himself. It is
the one that the proxy tells, where FORWARDED_ALLOW_IPS trusts the proxy. Counts are shared by all
processes where there is a Redis; while it is away nobody is held up.
"""

import hashlib
from ipaddress import IPv6Address, IPv6Network, ip_address

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

log = structlog.get_logger(__name__)

MOST = 10  # for one name or from one address, within
SECONDS = 300
AWAY: tuple[type[Exception], ...] = (OSError,)
if settings.REDIS_URL:  # its client takes a tenth of a second that others need not wait
    from redis.exceptions import RedisError

    AWAY += (RedisError,)
EXPIRED: tuple[type[Exception], ...] = (*AWAY, ValueError)  # between two questions


class Tries:
    """What somebody tried lately: `what` they do, and as whom."""

    def __init__(self, request: HttpRequest, what: str, name: str = "") -> None:
        said = [f"{what} from {network(request.META.get('REMOTE_ADDR', ''))}"]
        said += [f"{what} as {name.casefold()}"] if name else []
        self._keys = [f"tries:{hashlib.sha256(each.encode()).hexdigest()}" for each in said]

    def too_many(self) -> bool:
        """Whether it is time to wait a little."""
        try:
            return max(cache.get_many(self._keys).values(), default=0) >= MOST
        except AWAY as error:
            log.warning("tries not counted", error=repr(error))
            return False

    def count(self) -> None:
        """One more."""
        try:
            for key in self._keys:
                cache.add(key, 0, SECONDS)
                cache.incr(key)
        except EXPIRED as error:
            log.warning("tries not counted", error=repr(error))

    def forget(self) -> None:
        """It went well, for this name. The address still counts what it tried of others: it would
        be free of them by signing in as somebody whose password it knows.
        """
        try:
            cache.delete_many(self._keys[1:])
        except AWAY as error:
            log.warning("tries not forgotten", error=repr(error))


def network(address: str) -> str:
    """What an address counts as."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "nowhere"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, 64), strict=False).network_address)
