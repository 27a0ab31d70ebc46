"""How often one address may knock: as often as people behind one address do, not as often as a machine can."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic

AT_ONCE = 200  # an office behind one address whose tabs all come back after a restart
EACH_SECOND = 4.0
MOST_ADDRESSES = 10_000
_IPV6_NETWORK_BITS = 64  # one household or machine has all addresses of such a network


class Throttle:
    """Counts knocks by address, in the memory of this process. Safe to share between threads."""

    def __init__(
        self, at_once: float = AT_ONCE, each_second: float = EACH_SECOND, clock: Callable[[], float] = monotonic
    ) -> None:
        self._at_once = at_once
        self._each_second = each_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, address: str) -> bool:
        """Whether this address may come in once more now; asking counts."""
        who, now = network_of(address), self._clock()
        with self._lock:
            before, left = self._left.pop(who, (now, self._at_once))
            left = min(self._at_once, left + (now - before) * self._each_second)
            allowed = left >= 1
            self._left[who] = (now, left - 1 if allowed else left)
            while len(self._left) > MOST_ADDRESSES:
                self._left.popitem(last=False)
        return allowed


def network_of(address: str) -> str:
    """The address to count for; of IPv6 the network, since whoever has one such address has all of them."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS))
