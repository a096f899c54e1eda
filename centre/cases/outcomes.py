"""How a case can end: the words staff choose from, so that what was done can be counted afterwards."""

OUTCOMES: dict[str, str] = {
    "reassured": "Spoke with the resident; nothing more was needed",
    "contact-attended": "A contact of the resident went, or was with them",
    "responder-attended": "The service's own responder went",
    "carer-attended": "A carer was there, or went",
    "emergency-services": "Ambulance, fire brigade or police took it over",
    "hospital": "The resident was taken to hospital",
    "died": "The resident was found dead, or died",
    "no-reply-passed-on": "Nobody answered; passed on to somebody who will go and see",
    "accidental": "Pressed or set off by mistake",
    "sensor-false": "A sensor gave alarm for nothing",
    "care-request": "A wish, or a question about care; passed on",
    "came-back": "The home is back, and nobody there needed anything",
    "engineer-sent": "A fault of the equipment; an engineer has it",
    "test": "A test, announced or confirmed as one",
    "duplicate": "Dealt with in another case; the note says which",
    "other": "None of these; the note says what",
}
"""Outcome to what it means, as the console shows it."""

FALSE_ALARMS = frozenset({"accidental", "sensor-false"})
"""Outcomes that count as false alarms in reports."""

NOTE_NEEDED = frozenset({"died", "no-reply-passed-on", "duplicate", "other"})
"""Outcomes that say too little without a note."""
