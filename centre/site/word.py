"""The site's word: what every hub is told of it, signed by the issuing authority; its version only rises (S9)."""

import hashlib

import msgspec

from agent.wire.enrolment import SiteWord
from agent.wire.envelope import Signer
from centre.site.registry import Registry
from centre.site.settings import SiteSettings


def worded(registry: Registry, signer: Signer, settings: SiteSettings, ca: str, wall_ms: int) -> str:
    """Give the word, a JWS: the last one, unless something in it has changed. Raises SiteError."""
    wanted = SiteWord(
        iat=wall_ms // 1000,
        version=1,
        name=settings.name,
        ca=ca,
        centre=tuple(each.pem for each in registry.centre_keys()),
        ways=settings.way,
        enrolment=settings.enrolment,
        offline_days=settings.offline_days,
        valid_days=settings.valid_days,
    )
    digest = _digest(wanted)
    last = registry.word()
    if last is not None and last[1] == digest:
        return last[2]
    with registry.change():
        last = registry.word()
        if last is not None and last[1] == digest:
            return last[2]
        version = 1 if last is None else last[0] + 1
        jws = signer.seal(msgspec.json.encode(msgspec.structs.replace(wanted, version=version))).decode()
        registry.add_word(version, digest, jws, wall_ms)
    return jws


def _digest(word: SiteWord) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(word, iat=0))).hexdigest()
