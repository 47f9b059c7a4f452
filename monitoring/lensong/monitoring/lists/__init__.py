"""Lists as they are read and written: CSV rows and lists, calendars, recurrence."""
