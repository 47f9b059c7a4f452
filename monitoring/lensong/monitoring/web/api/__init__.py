"""``/api/v1``: JSON, cursor paging, times in RFC 3339 and UTC, rates in bits per second."""
