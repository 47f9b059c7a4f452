"""The client of the uplink test for a computer at a site: measure, keep, deliver."""
