"""Units of columns in UCUM (https://ucum.org), as OGC API Features Part 5 asks for them."""

from __future__ import annotations

import re

_KNOWN = {
    "%": "%", "‰": "[ppth]", "degrees": "deg", "°": "deg", "°C": "Cel", "pH": "[pH]",
    "m": "m", "km": "km", "cm": "cm", "mm": "mm", "m²": "m2", "km²": "km2", "ha": "har",
    "m³": "m3", "l": "L", "L": "L", "g": "g", "kg": "kg", "t": "t", "mg/kg": "mg/kg",
    "kg/ha": "kg/har", "mg/l": "mg/L", "mg/L": "mg/L", "µg/m³": "ug/m3", "m/s": "m/s",
    "km/h": "km/h", "m³/s": "m3/s", "W": "W", "kW": "kW", "MW": "MW", "kWh": "kW.h",
    "MWh": "MW.h", "GWh": "GW.h", "s": "s", "min": "min", "h": "h", "hours": "h", "days": "d",
    "months": "mo", "years": "a", "hPa": "hPa",
}  # fmt: skip
# UCUM has counted things between braces, in signs of ASCII without spaces.
_COUNTED = re.compile(r"[A-Za-z][A-Za-z ._/-]*", re.ASCII)


def ucum(unit: str) -> str:
    """A unit in UCUM: one of its own, or counted things between braces; empty for any other."""
    if unit in _KNOWN:
        return _KNOWN[unit]
    things, per, other = unit.partition(" per ")
    if per and other in _KNOWN:
        counted = ucum(things)
        return f"{counted}/{_KNOWN[other]}" if counted else ""
    return f"{{{unit.replace(' ', '_')}}}" if _COUNTED.fullmatch(unit) else ""
