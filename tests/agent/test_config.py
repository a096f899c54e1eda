from pathlib import Path

import pytest

from agent.config import ConfigError, HubConfig, Sound, load, rules_config
from rules.kinds import KINDS
from sensors.options import GpioOptions, SerialOptions
from sensors.registry import DRIVER_TYPES, HEARTBEAT_MS

HUB = """
hub = "hub-3f9a"
outputs = "log"
[keys]
hub = "keys/hub.pem"
centre = ["keys/centre.pem"]
[[uplink]]
name = "main"
host = "127.0.0.1"
port = 1883
"""

SENSORS = """
[driver.radio]
type = "rfxtrx"
device = "/dev/serial/by-id/usb-RFXCOM"
[driver.zigbee2mqtt]
[[sensor]]
id = "pendant-1"
driver = "radio"
address = "pt2262:e61616"
kind = "pendant"
location = "worn"
person = "p1"
[[sensor]]
id = "floor"
driver = "zigbee2mqtt"
address = "bathroom floor"
kind = "flood"
location = "bathroom"
"""


class Folder:
    """A folder with keys, where configurations are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "keys").mkdir()
        for name in ("hub.pem", "centre.pem", "next.pem", "uplink.key", "uplink.pem", "ca.pem"):
            self.key(name)

    def key(self, name: str, mode: int = 0o600) -> None:
        key = self.path / "keys" / name
        key.write_text("a key")
        key.chmod(mode)

    def load(self, *parts: str) -> HubConfig:
        file = self.path / "hub.toml"
        file.write_text("".join(parts))
        return load(file)

    def problems(self, *parts: str) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            self.load(*parts)
        prefix = f"{self.path / 'hub.toml'}: "
        lines = str(refused.value).splitlines()
        assert lines
        assert all(line.startswith(prefix) for line in lines)
        return [line.removeprefix(prefix) for line in lines]

    def problem(self, *parts: str) -> str:
        (line,) = self.problems(*parts)
        return line


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# --- what it may say ---------------------------------------------------------------------------------


def test_the_smallest_configuration_and_its_defaults(folder: Folder) -> None:
    config = folder.load(HUB)
    assert config.hub == "hub-3f9a"
    assert config.state_dir == Path("/var/lib/hearthline")
    assert config.socket == Path("/run/hearthline/hub.sock")
    assert config.keys.hub == folder.path / "keys/hub.pem"
    assert config.keys.centre == (folder.path / "keys/centre.pem",)
    assert (config.outputs, config.pins, config.buttons.by_name) == (None, None, {})
    assert (config.drivers, config.sensors, config.kinds) == ((), (), KINDS)


def test_a_whole_home(folder: Folder) -> None:
    config = folder.load(
        HUB.replace('outputs = "log"', "").replace('"keys/centre.pem"', '"keys/centre.pem", "keys/next.pem"'),
        '[[uplink]]\nname = "spare"\nhost = "broker.example"\nca = "keys/ca.pem"\n',
        'certificate = "keys/uplink.pem"\nkey = "keys/uplink.key"\n',
        "[outputs]\ncall = 5\nsiren = 6\n[buttons]\ncall = 17\narrived = 27\n",
        '[pins]\nfactory = "mock"\n',
        SENSORS,
        '[driver.doors]\ntype = "gpio"\ndebounce_ms = 80\n',
        "[kind.pendant]\ncancel_s = 0\n[kind.flood]\npriority = 1\nsilent = true\n",
    )
    assert config.outputs is not None
    assert config.outputs.by_part == {"call": 5, "siren": 6}
    assert config.buttons.by_name == {"call": 17, "arrived": 27}
    assert config.pins == "mock"
    assert len(config.keys.centre) == 2
    main, spare = config.uplinks
    assert (main.port, main.key, spare.port, spare.key) == (1883, None, 8883, folder.path / "keys/uplink.key")
    assert config.driver("radio").options == SerialOptions(device="/dev/serial/by-id/usb-RFXCOM")
    assert config.driver("doors").options == GpioOptions(debounce_ms=80)
    assert config.driver("zigbee2mqtt").type == "zigbee2mqtt"
    kinds = {kind.name: kind for kind in config.kinds}
    assert kinds["pendant"].cancel_ms == 0
    assert (kinds["flood"].priority, kinds["flood"].silent) == (1, True)
    assert len(kinds) == len(KINDS)


def test_a_home_with_a_loudspeaker_is_not_without_outputs(folder: Folder) -> None:
    config = folder.load(HUB, '[sound]\ndevice = "plughw:CARD=Headphones,DEV=0"\nvolume_max = 80\n')
    assert config.sound == Sound(device="plughw:CARD=Headphones,DEV=0", volume_max=80, volume_min=20)
    assert config.outputs is None
    assert rules_config(config, lambda _: None, "0.1.0").outputs
    assert folder.load(HUB).sound is None


def test_what_the_rules_need(folder: Folder) -> None:
    text = SENSORS.replace('id = "pendant-1"', 'id = "pendant-1"\nsilent_after_s = 43200')
    never = (
        '[[sensor]]\nid = "door"\ndriver = "zigbee2mqtt"\naddress = "door"\nkind = "door-button"\nlocation = "hall"\n'
    )
    config = folder.load(HUB, text, never, 'silent_after_s = "never"\n')
    rules = rules_config(config, lambda name: DRIVER_TYPES[name].heartbeat_ms, "0.1.0")
    assert [(each.id, each.kind, each.location, each.person, each.heartbeat_ms) for each in rules.sensors] == [
        ("pendant-1", "pendant", "worn", "p1", 43_200_000),
        ("floor", "flood", "bathroom", "", HEARTBEAT_MS),
        ("door", "door-button", "hall", "", None),
    ]
    assert (rules.hub, rules.uplinks, rules.outputs, rules.version) == ("hub-3f9a", ("main",), False, "0.1.0")


def test_a_standby_over_another_interface(folder: Folder) -> None:
    config = folder.load(
        HUB,
        '[[uplink]]\nname = "4g"\nhost = "broker.example"\naddress = "192.0.2.7"\ninterface = "wwan0"\n',
        'standby = true\nca = "keys/ca.pem"\ncertificate = "keys/uplink.pem"\nkey = "keys/uplink.key"\n',
    )
    main, spare = config.uplinks
    assert (main.interface, main.address, main.standby) == (None, None, False)
    assert (spare.interface, spare.address, spare.standby) == ("wwan0", "192.0.2.7", True)
    rules = rules_config(config, lambda _: None, "0.1.0")
    assert (rules.uplinks, rules.standby) == (("main", "4g"), ("4g",))


def test_a_plain_contact_is_not_supervised(folder: Folder) -> None:
    config = folder.load(
        HUB,
        '[pins]\nfactory = "lgpio"\n[driver.gpio]\n[[sensor]]\nid = "cord"\ndriver = "gpio"\naddress = "GPIO17:nc"\n',
        'kind = "pull-cord"\nlocation = "bathroom"\n',
    )
    (sensor,) = rules_config(config, lambda name: DRIVER_TYPES[name].heartbeat_ms, "").sensors
    assert sensor.heartbeat_ms is None


@pytest.mark.parametrize(("kind", "silence"), [("lid", HEARTBEAT_MS), ("reading", None)])
def test_a_lid_is_supervised_and_a_scale_that_sleeps_until_it_is_used_is_not(
    folder: Folder, kind: str, silence: int | None
) -> None:
    (sensor,) = rules_config(
        folder.load(HUB, "[driver.zigbee2mqtt]\n", SENSOR.replace("pendant", kind)),
        lambda name: DRIVER_TYPES[name].heartbeat_ms,
        "",
    ).sensors
    assert (sensor.kind, sensor.heartbeat_ms) == (kind, silence)


# --- what it may not ---------------------------------------------------------------------------------

SENSOR = '[[sensor]]\nid = "x"\ndriver = "zigbee2mqtt"\naddress = "x"\nkind = "pendant"\nlocation = "worn"\n'

TROUBLES: list[tuple[str, list[str], list[str]]] = [
    ("a misspelt key", [HUB, "[pinz]\n"], ["pinz: ", "an unknown key", 'did you mean "pins"?']),
    ("an unknown key", [HUB, "[weather]\n"], ["weather: ", "an unknown key", "remove it"]),
    ("a missing key", [HUB.replace('hub = "hub-3f9a"', "")], ["hub: found nothing", "a pseudonym", "add it"]),
    ("a wrong type", [HUB.replace("port = 1883", 'port = "1883"')], ["uplink[1].port", '"1883"', "a whole number"]),
    ("a port", [HUB.replace("port = 1883", "port = 65536")], ["uplink[1].port", "65536", "from 1 to 65535"]),
    ("a flag for a number", [HUB.replace("port = 1883", "port = true")], ["uplink[1].port", "true"]),
    ("a hub id", [HUB.replace("hub-3f9a", "Hub 3")], ["hub: ", '"Hub 3"', "a-z, 0-9 and -"]),
    ("a hub id, newline", [HUB.replace('"hub-3f9a"', '"hub-3f9a\\n"')], ["hub: ", r"hub-3f9a\n"]),
    ("outputs", [HUB.replace('"log"', '"lo"')], ["outputs", '"lo"', 'did you mean "log"?']),
    ("no outputs", [HUB.replace('outputs = "log"', "")], ["outputs: found nothing", '"log" or a table']),
    ("no output pins", [HUB.replace('outputs = "log"', ""), "[outputs]\n"], ["outputs", "at least one pin"]),
    ("an output", [HUB.replace('outputs = "log"', ""), "[outputs]\nsirene = 5\n"], ["outputs.sirene", '"siren"?']),
    ("a pin", [HUB, '[pins]\nfactory="mock"\n[buttons]\ncall = 40\n'], ["buttons.call", "40", "from 2 to 27"]),
    ("no factory", [HUB, "[buttons]\ncall = 5\n"], ["pins.factory: found nothing", "buttons.call uses a pin"]),
    ("no device", [HUB, "[sound]\nvolume_max = 50\n"], ["sound.device: found nothing", "aplay -L"]),
    ("a device, option", [HUB, '[sound]\ndevice = "-v"\n'], ["sound.device", '"-v"', '"default"']),
    ("a volume", [HUB, '[sound]\ndevice = "default"\nvolume_max = 110\n'], ["sound.volume_max", "110", "to 100"]),
    (
        "volumes",
        [HUB, '[sound]\ndevice = "default"\nvolume_max = 30\nvolume_min = 40\n'],
        ["sound.volume_min", "40", "at most volume_max (30)"],
    ),
    ("a factory", [HUB, '[pins]\nfactory = "lgpoi"\n'], ["pins.factory", '"lgpoi"', 'did you mean "lgpio"?']),
    (
        "one pin twice",
        [HUB, '[pins]\nfactory="mock"\n[buttons]\ncall = 5\ncancel = 5\n'],
        ["buttons.cancel", "5", "a pin of its own (buttons.call has it)"],
    ),
    (
        "no uplink",
        ["uplink = []\n", HUB.split("[[uplink]]", maxsplit=1)[0]],
        ["uplink", "at least one table [[uplink]]"],
    ),
    ("uplink, one bracket", [HUB.replace("[[uplink]]", "[uplink]")], ["uplink", "in double brackets"]),
    (
        "uplinks of one name",
        [HUB, '[[uplink]]\nname = "main"\nhost = "::1"\n'],
        ["uplink[2].name", '"main"', "(uplink[1] has it)"],
    ),
    (
        "an address that is none",
        [HUB.replace("port = 1883", 'address = "2001.db8::1"')],
        ["uplink[1].address", '"2001.db8::1"', "an IP address"],
    ),
    (
        "an interface and a name to look up",
        [HUB.replace('host = "127.0.0.1"', 'host = "localhost"\ninterface = "wwan0"')],
        ["uplink[1].address: found nothing", "a name server would be asked over any line", "add it, beside host"],
    ),
    (
        "no interface's name",
        [HUB.replace("port = 1883", 'interface = "wwan0/1"')],
        ["uplink[1].interface", '"wwan0/1"', "as wwan0"],
    ),
    (
        "only a standby",
        [HUB, "standby = true\n"],
        ["uplink[1].standby", "the first uplink is always open", "remove it"],
    ),
    (
        "a standby that is no other way",
        [HUB, '[[uplink]]\nname = "4g"\nhost = "127.0.0.1"\nport = 1883\nstandby = true\n'],
        [
            "uplink[2].interface: found nothing",
            "than uplink[1]: a standby is another way out",
            'name one, such as "wwan0"',
        ],
    ),
    (
        "plain text over the network",
        [HUB.replace("127.0.0.1", "192.0.2.7")],
        ["uplink[1]", '"192.0.2.7" without ca, certificate, key', "only a loopback host"],
    ),
    (
        "half a TLS identity",
        [HUB, 'ca = "keys/ca.pem"\n'],
        ["uplink[1]", "without certificate, key", "all three"],
    ),
    ("a driver", [HUB, "[driver.radio]\n"], ["driver.radio.type", '"radio"', "one of c1001, gpio"]),
    ("a driver type", [HUB, '[driver.radio]\ntype = "rfxtrxx"\n'], ["driver.radio.type", 'did you mean "rfxtrx"?']),
    ("an option", [HUB, '[driver.rfxtrx]\ndevise = "/dev/x"\n'], ["driver.rfxtrx.devise", 'did you mean "device"?']),
    ("a missing option", [HUB, "[driver.rfxtrx]\n"], ["driver.rfxtrx.device: found nothing", "add it"]),
    ("an option's type", [HUB, "[driver.zigbee2mqtt]\nport = 0\n"], ["driver.zigbee2mqtt.port", "0", "from 1 to"]),
    ("an option's choice", [HUB, '[driver.gpio]\npull = "Up"\n'], ["driver.gpio.pull", '"Up"', 'one of "up", "down"']),
    ("a driver's name", [HUB, '[driver."My Radio"]\n'], ["driver.My Radio", "a driver's name"]),
    ("a driver, no table", [HUB.replace("[keys]", "driver.gpio = 3\n[keys]")], ["driver.gpio", "3", "a table"]),
    ("a sensor's driver", [HUB, SENSOR], ["sensor[1].driver", "zigbee2mqtt", "add [driver.zigbee2mqtt]"]),
    (
        "a sensor's driver, misspelt",
        [HUB, SENSORS, SENSOR.replace('"zigbee2mqtt"', '"zigbee"')],
        ["sensor[3].driver", '"zigbee"', 'did you mean "zigbee2mqtt"?'],
    ),
    (
        "a kind",
        [HUB, SENSORS.replace('"flood"', '"flod"')],
        ["sensor[2].kind", '"flod"', "one of pendant, button", 'did you mean "flood"?'],
    ),
    (
        "two sensors, one id",
        [HUB, SENSORS.replace('"floor"', '"pendant-1"')],
        ["sensor[2].id", '"pendant-1"', "(sensor[1] has it)"],
    ),
    (
        "two sensors, one address",
        [HUB, SENSORS, SENSOR.replace('address = "x"', 'address = "bathroom floor"')],
        ["sensor[3].address", '"bathroom floor"', "(sensor[2] has it)"],
    ),
    (
        "an address its driver cannot tell",
        [HUB, SENSORS.replace("bathroom floor", "all/#")],
        ["sensor[2].address", '"all/#"', "friendly name"],
    ),
    (
        "a contact on a button's pin",
        [
            HUB,
            '[pins]\nfactory = "mock"\n[buttons]\ncall = 17\n[driver.gpio]\n',
            SENSOR.replace('"zigbee2mqtt"', '"gpio"').replace('address = "x"', 'address = "17:nc"'),
        ],
        ["sensor[1].address", "17", "(buttons.call has it)"],
    ),
    ("silence", [HUB, SENSORS, "silent_after_s = 5\n"], ["sensor[2].silent_after_s", "5", 'or "never"']),
    ("a kind's rule", [HUB, "[kind.flodd]\n"], ["kind.flodd", "an unknown kind", 'did you mean "flood"?']),
    ("a kind's rule's key", [HUB, "[kind.flood]\ncancel = 3\n"], ["kind.flood.cancel", 'did you mean "cancel_s"?']),
    ("a kind's priority", [HUB, "[kind.flood]\npriority = 0\n"], ["kind.flood.priority", "from 1 (life) to 4"]),
    ("silent smoke", [HUB, "[kind.smoke]\nsilent = true\n"], ["kind.smoke.silent", "a home must hear this"]),
    (
        "a silent kind's window",
        [HUB, "[kind.pendant]\nsilent = true\n"],
        ["kind.pendant.cancel_s", "10", "0 for a silent kind"],
    ),
    ("three centre keys", [HUB.replace('["keys/centre.pem"]', '["a", "b", "c"]')], ["keys.centre", "one or two paths"]),
    ("no centre key", [HUB.replace('["keys/centre.pem"]', "[]")], ["keys.centre", "one or two paths"]),
    ("keys, no table", [HUB.replace("[keys]", "[keyz]")], ["keyz: found an unknown key", 'did you mean "keys"?']),
    ("a missing file", [HUB.replace("keys/hub.pem", "none.pem")], ["keys.hub", "none.pem", "No such file"]),
    ("a folder for a file", [HUB.replace("keys/hub.pem", "keys")], ["keys.hub", "a readable file"]),
    ("an empty path", [HUB.replace("keys/hub.pem", "")], ["keys.hub", '""', "a path"]),
    ("a long socket", [f'socket = "/{"s" * 120}"\n', HUB], ["socket", "at most 107 bytes", "shorten it"]),
]


@pytest.mark.parametrize(("parts", "said"), [pytest.param(*rest, id=name) for name, *rest in TROUBLES])
def test_a_problem_names_the_key_what_was_found_what_was_expected_and_the_remedy(
    folder: Folder, parts: list[str], said: list[str]
) -> None:
    line = folder.problem(*parts)
    for words in said:
        assert words in line
    assert line.startswith(said[0])


def test_all_problems_are_told_in_one_go(folder: Folder) -> None:
    problems = folder.problems(
        HUB.replace("hub-3f9a", "H").replace("1883", "0").replace("keys/hub.pem", "none.pem"),
        SENSORS.replace('"pendant"', '"pendnt"').replace("zigbee2mqtt", "zigbee"),
        "[kind.smok]\n[buttons]\ncal = 5\n",
    )
    keys = {line.split(": ")[0] for line in problems}
    assert keys == {
        "hub",
        "uplink[1].port",
        "keys.hub",
        "sensor[1].kind",
        "driver.zigbee.type",
        "kind.smok",
        "buttons.cal",
    }
    assert len(problems) == len(keys)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o610])
@pytest.mark.parametrize("name", ["hub.pem", "uplink.key"])
def test_a_private_key_others_can_reach_is_refused_with_the_remedy(folder: Folder, name: str, mode: int) -> None:
    tls = 'ca = "keys/ca.pem"\ncertificate = "keys/uplink.pem"\nkey = "keys/uplink.key"\n'
    folder.key(name, mode)
    line = folder.problem(HUB, tls)
    assert f"mode {mode:04o}" in line
    assert line.endswith(f"chmod 600 {folder.path / 'keys' / name}")
    folder.key(name, 0o400)
    folder.load(HUB, tls)


def test_public_files_may_be_read_by_all(folder: Folder) -> None:
    folder.key("centre.pem", 0o644)
    folder.load(HUB)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_only_a_loopback_broker_does_without_tls(folder: Folder, host: str) -> None:
    assert folder.load(HUB.replace("127.0.0.1", host)).uplinks[0].host == host


@pytest.mark.parametrize(
    "host", ["broker.example", "10.0.0.1", "0.0.0.1", "::", "localhost.example", "127.0.0.1.example"]
)
def test_s8_any_other_broker_must_have_tls(folder: Folder, host: str) -> None:
    assert "without ca, certificate, key" in folder.problem(HUB.replace("127.0.0.1", host))


@pytest.mark.parametrize("field", ["id", "location", "person"])
def test_s11_what_might_be_a_name_is_refused_and_not_repeated(folder: Folder, field: str) -> None:
    sensors = SENSORS.replace(f"{field} = ", f'{field} = "Mary O\'Neill" #', 1)
    line = folder.problem(HUB, sensors)
    assert line.startswith(f"sensor[1].{field}: found 12 characters")
    assert "never a name" in line
    assert "Mary" not in line


# --- bounds, and files that are no configuration -----------------------------------------------------


def many(count: int) -> str:
    return "[driver.zigbee2mqtt]\n" + "".join(
        SENSOR.replace('id = "x"', f'id = "x{n}"').replace('address = "x"', f'address = "x{n}"') for n in range(count)
    )


def test_s12_no_more_sensors_than_are_bounded(folder: Folder) -> None:
    assert len(folder.load(HUB, many(128)).sensors) == 128
    assert "at most 128 tables [[sensor]]" in folder.problem(HUB, many(129))


def test_s12_no_more_drivers_than_are_bounded(folder: Folder) -> None:
    drivers = [f'[driver.d{n}]\ntype = "gpio"\n' for n in range(33)]
    assert len(folder.load(HUB, *drivers[:32]).drivers) == 32
    assert "at most 32 drivers" in folder.problem(HUB, *drivers)


def test_s12_no_larger_file_than_is_bounded(folder: Folder) -> None:
    room = 256 * 1024 - len(HUB)
    folder.load(HUB, "#" * room)
    assert "larger than 256 KiB" in folder.problem(HUB, "#" * (room + 1))


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load(path)
    return str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    text = refused(tmp_path / "hub.toml")
    assert text.startswith(f"{tmp_path / 'hub.toml'}: No such file or directory: hearthline provision enrol makes it")
    assert "Is a directory" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'hub = "x', "not valid TOML: "),
        (b"hub = 1\nhub = 2\n", "not valid TOML: Cannot overwrite a value (at line 2"),
        (b'hub = "a"\nname = "M\xfcller"\n', "line 2 is not UTF-8"),
        (b"hub = " + b"[" * 100_000, "not valid TOML: "),
        (b"\x00\x01\x02", "not valid TOML: "),
    ],
)
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "hub.toml").write_bytes(content)
    assert said in refused(tmp_path / "hub.toml")


@pytest.mark.parametrize("table", ["keys", "uplink", "pins", "buttons", "driver", "sensor", "kind", "outputs"])
@pytest.mark.parametrize("value", ["3", '"x"', "[]", "[1]", "{}", "{x = 1}", "[{}]", "1979-05-27", "nan", '["", ""]'])
def test_any_value_in_any_place_is_read_or_refused_and_never_crashes(folder: Folder, table: str, value: str) -> None:
    lines = {
        "keys": '{hub = "keys/hub.pem", centre = ["keys/centre.pem"]}',
        "uplink": '[{name = "main", host = "::1"}]',
        "outputs": '"log"',
    }
    lines[table] = value
    text = 'hub = "hub-1"\n' + "".join(f"{key} = {line}\n" for key, line in lines.items())
    empty = {("driver", "{}"), ("kind", "{}"), ("buttons", "{}"), ("sensor", "[]")}
    if (table, value) in empty:
        folder.load(text)
    else:
        assert all(line.startswith(table) for line in folder.problems(text))
