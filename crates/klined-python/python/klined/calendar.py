"""Trading days and minutes of the calendars.

Calendars: "sse" (Shanghai), "nyse" (New York), "24x7" (every minute of UTC) and "fx" (Sunday to Friday 17:00 New York).
"""

from ._klined import minutes, sessions

__all__ = ["minutes", "sessions"]
