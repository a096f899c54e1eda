"""What is said of a home's health: faults in plain words and what to do about each, sensors, modes, roles. Pure."""

FAULTS: dict[str, tuple[str, str]] = {
    "driver": ("A receiver does not work", "None of its sensors is heard: send an engineer today"),
    "sensor-silent": ("A sensor is not heard", "Battery, range? Ask the resident to press it, or visit"),
    "sensor-battery-low": ("A sensor's battery is low", "Change it at the next visit, within weeks"),
    "sensor-tamper": ("A sensor's case is open", "Close it, or put the sensor back"),
    "sensor-unavailable": ("A sensor cannot be reached", "Battery, range? Visit"),
    "part": ("A part of the box does not work", "The reason says which: send an engineer"),
    "no-outputs": ("The box has no lights and no sound", "Stands as long as the box is made so"),
    "link": ("A line to us is down", "Router, cable, mobile signal: call the home"),
    "centre": ("The box had no word from us", "Look at this centre's own state; tell whoever runs it"),
    "storage": ("The box's memory is full or fails", "Replace its card soon; alarms go on meanwhile"),
    "store-quarantined": ("The box's memory was damaged", "Replace its card; a new one was begun"),
    "clock": ("The box's clock is not set", "Network time; alarms do not wait for it"),
    "time-zone": ("The box does not know the plan's time zone", "An engineer installs the time zone data"),
    "mains": ("Power cut: the box runs on its battery", "Call the home: plug, fuse, or a cut in the street?"),
    "battery": ("The box's own battery is nearly empty", "It may fall silent within minutes: call the home now"),
    "certificate": ("The box's certificate ends soon", "Is the enrolment service up? Else renew by a stick"),
    "test-missing": ("An announced test did not come", "Call the resident: pressing it ends this"),
    "texts": ("Texts to contacts cannot be sent", "The box's modem, its SIM or signal"),
    "alarm-rejected": ("We would not take an alarm of it", "Tell an engineer now; answer the home by telephone"),
    "event-rejected": ("We would not take a message of it", "Tell an engineer"),
    "conflict": ("Two contents under one number", "Tell an engineer"),
    "engine": ("A rule in the box failed", "Tell an engineer now, with the box's log"),
    "never-heard": ("Enrolled, and never heard of", "Is the box plugged in at the home?"),
    "silent": ("Silent for long", "Somebody must go there"),
    "unsteady-line": ("Its line comes and goes", "Router, or mobile signal: visit before it is lost"),
}
"""Fault to what it is called here, and what to do."""

_NO_WORDS = ("", "Tell an engineer")


def fault(name: str) -> str:
    """Put a fault into words; one that is not known, as its hub called it."""
    return FAULTS.get(name, _NO_WORDS)[0] or name


def remedy(name: str) -> str:
    """Say what to do about a fault, in a sentence."""
    said = FAULTS.get(name, _NO_WORDS)[1]
    return said if said.endswith("?") else f"{said}."


GROUPS: dict[str, str] = {
    "clock": "Clock",
    "storage": "Memory",
    "power": "Power",
    "certificate": "Certificate",
    "line": "Line",
    "texts": "Texts",
    "sensors": "Sensors",
    "installation": "Installation",
    "hub": "Box",
}

SENSORS: dict[str, str] = {
    "pendant": "Pendant",
    "button": "Call button",
    "pull-cord": "Pull cord",
    "fall": "Fall detector",
    "smoke": "Smoke detector",
    "carbon-monoxide": "Carbon monoxide detector",
    "flood": "Flood detector",
    "door-button": "Bogus caller button",
    "motion": "Motion",
    "door": "Door contact",
    "bed": "Bed sensor",
    "chair": "Chair sensor",
    "temperature": "Temperature",
    "visit": "Carer's visit button",
    "lid": "Pill dispenser's lid",
    "reading": "Measuring device",
}

MODES: dict[str, str] = {"home": "At home", "away": "Away", "engineer": "Engineer is there: alarms are tests"}

POWER: dict[str, str] = {"mains": "Mains", "battery": "Battery: power cut", "unknown": "Not told by this box"}

PLAN_STATES: dict[str, str] = {
    "waiting": "On its way: the box has not answered yet",
    "applied": "The box took it",
    "refused": "The box refused it, and goes on by the one before",
    "superseded": "Replaced by a newer one before it was answered",
}
"""What became of a plan."""

CALLING = frozenset({"pendant", "button", "pull-cord", "fall", "flood", "door-button"})
"""Kinds of sensor of which a test may be announced; smoke and carbon monoxide are never tests."""

SENSOR_CHARS_MAX = 128
