"""The result of a plan as one HTML file that opens without internet: `report.html`.

Nothing is imported here: the live side wants the numbers of `report.messages` without GeoPandas.
"""
