"""The statutory clock: until when a request must be answered, in working days of the region."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from moulouya.region import RequestDesk

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Clock:
    """Counts the days that ``desk`` sets, as they pass in the region's time zone."""

    desk: RequestDesk
    zone: ZoneInfo

    def is_working_day(self, day: dt.date) -> bool:
        """Whether anybody works on this day."""
        off = self.desk.holidays
        return (
            WEEKDAYS[day.weekday()] not in self.desk.weekend
            and f"{day:%m-%d}" not in off
            and day.isoformat() not in off
        )

    def due(
        self, received: dt.datetime, *, urgent: bool = False, extended: bool = False
    ) -> dt.datetime:
        """The moment (UTC) by which an answer is due.

        The day of arrival does not count; the last working day counts to its end. An urgent
        request is due after so many hours, whatever the day.
        """
        if urgent:
            return received.astimezone(dt.UTC) + dt.timedelta(hours=self.desk.urgent_hours)
        days = self.desk.working_days + (self.desk.extension_days if extended else 0)
        last = self.after(received.astimezone(self.zone).date(), days)
        midnight = dt.datetime.combine(last + DAY, dt.time(), self.zone)
        return midnight.astimezone(dt.UTC)

    def after(self, start: dt.date, days: int) -> dt.date:
        """The working day that is ``days`` working days after a day."""
        day = start
        for _ in range(days):
            day += DAY
            while not self.is_working_day(day):
                day += DAY
        return day
