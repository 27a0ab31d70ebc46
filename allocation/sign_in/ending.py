"""When the end of a session is near enough to be told, and how."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from allocation.presence import LiveSession

BEFORE_IDLE = timedelta(minutes=2)
BEFORE_FINAL = timedelta(minutes=5)
KEPT = "Your targets are kept as you typed them; money to invest and rules are not."


@dataclass(frozen=True, slots=True)
class Ending:
    """What is about to happen; `final` when nothing the user does can put it off."""

    sentence: str
    final: bool


def ending_of(live: LiveSession, now: datetime) -> Ending | None:
    """What to tell about the end of a session; None while it is far off. Of short limits, the last third is told."""
    idle_limit, whole = live.idle_until - live.last_seen_at, live.ends_at - live.began_at
    if live.ends_at - now <= min(BEFORE_FINAL, whole / 3):
        hours = round(whole.total_seconds() / 3600)
        long = f"{hours} hours" if hours > 1 else "a while"
        left = _within(live.ends_at - now)
        return Ending(f"You will be signed out {left}, as always {long} after signing in. {KEPT}", final=True)
    if live.idle_until - now <= min(BEFORE_IDLE, idle_limit / 3):
        left = _within(live.idle_until - now)
        return Ending(f"You will be signed out {left}, because nothing was done here for a while. {KEPT}", final=False)
    return None


def _within(left: timedelta) -> str:
    # Whole minutes: a text that changes every second would be read out every second.
    minutes = max(1, -(-int(left.total_seconds()) // 60))
    return f"within {minutes} minutes" if minutes > 1 else "within a minute"
