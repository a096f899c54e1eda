"""Bytes and payloads of real devices, and the call for help each must give."""

RFXTRX = {
    "X10 remote, panic: a pendant": ("0820024DD3DC540689", "security1:d3dc54", "trigger", "panic"),
    "KD101, panic: smoke": ("082003000102040670", "security1:010204", "trigger", "smoke"),
    "Visonic door, alarm, tamper": ("08200405A1B2C38279", "security1:a1b2c3", "active", "alarm"),
    "PT2262 button or flood probe": ("0913002A123456015E70", "pt2262:123456", "trigger", "press"),
    "AC / Chacon button": ("0B11002A0123456701020F70", "ac:1234567:1", "trigger", "set level"),
}
RFXTRX_NORMAL = "0820004DD3DC540089"

MR60_FALL = bytes.fromhex("53 59 83 01 00 01 01 32 54 43")
MR60_CLEARED = bytes.fromhex("53 59 83 01 00 01 00 31 54 43")
MR60_PRESENCE = bytes.fromhex("53 59 80 01 00 01 01 2f 54 43")
MR60_ASK = bytes.fromhex("53 59 83 81 00 01 0f c0 54 43")

FDA2_FALL = bytes.fromhex("01 00 00 00 01 0e 02 f3 01 fe")
FDA2_NO_FALL = bytes.fromhex("01 00 00 00 01 0e 02 f3 00 ff")
FDA2_PRESENCE = bytes.fromhex("01 00 00 00 01 0f 09 f9 01 fe")
FDA2_ASK = bytes.fromhex("01 00 00 00 00 0e 06 f6")

AQARA_WATER = (
    b'{"battery":100,"battery_low":false,"device_temperature":26,"linkquality":83,"tamper":false,"voltage":3025,'
    b'"water_leak":false}'
)
SOS = b'{"action":"emergency","battery":null,"linkquality":90}'
SOS_AFTER = b'{"action":"","battery":null,"linkquality":90}'
