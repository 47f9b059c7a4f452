"""The synthetic province: invented places, measurements and streams, labelled so."""
