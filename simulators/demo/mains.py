"""What the demonstration's hub runs on: the kernel's files of a plug and a battery, as a UPS board would show them."""

from pathlib import Path

SUPPLIES = "supplies"
"""Where they are, in the demonstration's folder."""

LOOK_S = 0.5
"""How often the hub looks: more often than at home, where nobody waits to see it."""


class Mains:
    """The plug, and a battery that outlasts every demonstration."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self.there = True
        self._folder = folder
        for name, facts in {
            "plug": {"type": "Mains", "online": "1"},
            "battery": {"type": "Battery", "status": "Full", "capacity": "96", "time_to_empty_now": "28800"},
        }.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            for fact, value in facts.items():
                self._write(f"{name}/{fact}", value)

    def switch(self, *, there: bool) -> None:
        """Pull the plug, or put it back."""
        self.there = there
        self._write("plug/online", "1" if there else "0")
        self._write("battery/status", "Charging" if there else "Discharging")

    def _write(self, file: str, value: str) -> None:
        path = self._folder / file
        new = path.with_name(f"{path.name}.new")
        new.write_text(f"{value}\n")
        new.replace(path)  # whoever looks meanwhile sees the one or the other
