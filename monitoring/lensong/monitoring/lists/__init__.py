"""Lists in and out: CSV rows and lists, calendars, recurrence, taking in, giving out."""
