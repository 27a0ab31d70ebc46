"""Days and moments as people read them: "20 Nov 2026", "yesterday", "4 minutes ago"."""

from datetime import date, datetime, timedelta


def date_text(day: date) -> str:
    """The day, or the day of a moment in its own time zone: "20 Nov 2026"."""
    return f"{day.day} {day:%b} {day.year}"


def day_text(time: datetime, now: datetime) -> str:
    """The day as seen from now: "today", "yesterday", "20 Nov 2026"."""
    day, today = time.astimezone(now.tzinfo).date(), now.date()
    if day >= today:
        return "today"
    return "yesterday" if day == today - timedelta(days=1) else date_text(time)


def age_text(time: datetime, now: datetime) -> str:
    """How long ago: "just now", "4 minutes ago", "2 hours ago", and the day when it is longer."""
    minutes = int((now - time).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} {'minute' if minutes == 1 else 'minutes'} ago"
    hours = minutes // 60
    return f"{hours} {'hour' if hours == 1 else 'hours'} ago" if hours < 24 else date_text(time)
