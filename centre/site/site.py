"""A site: who may be a hub of it. Authority, registry and word in one folder; every step can be cut and run again."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey

from agent.wire.enrolment import SECRET_BYTES, TOKEN_BYTES, Answer, Code, Enrol, SiteWord, derived, root_pin
from agent.wire.envelope import HUB_ALGORITHM, Signer
from centre.site import broker, judging
from centre.site.authority import Authority, certificate_pem, crl_pem, make_client, make_crl, moment, private_pem
from centre.site.centre_keys import Step, add_key, finish_rotation
from centre.site.folder import CA, CRL, GROUP, ISSUING, ISSUING_KEY, REGISTRY, ROOT, SETTINGS, Folder
from centre.site.founding import found
from centre.site.judging import Asked, Refused
from centre.site.own import ServerFiles, What, own_certificate, run_down
from centre.site.registry import HubRecord, Registry
from centre.site.reports import keep
from centre.site.settings import SiteError, SiteSettings, read_settings
from centre.site.word import worded

__all__ = ["HubRecord", "Refused", "ServerFiles", "Site", "SiteError", "SiteSettings"]

TOKEN_S, TOKEN_S_MAX = 72 * 3_600, 14 * 86_400
"""How long an enrolment code is good for, in seconds, if nothing is said, and at most."""

_PSEUDONYM_BYTES = 3


class _Parts(NamedTuple):
    """What an open site has in its hands."""

    folder: Folder
    root: x509.Certificate
    issuing: Authority
    registry: Registry


class Site:
    """An open site. Several processes may have it open; calls may come from any thread. Times are Unix ms.

    `made` names the files that `create` made.
    """

    def __init__(self, parts: _Parts) -> None:
        self._folder, self._root, self._issuing, self._registry = parts
        self.folder = self._folder.path
        self.made: tuple[str, ...] = ()
        self._signer = Signer(ECKey.import_key(private_pem(self._issuing.key)), HUB_ALGORITHM)
        self._lay_crl()  # a `revoke` that was cut short is finished by whoever comes next

    @classmethod
    def create(cls, folder: Path, settings: SiteSettings, wall_ms: int) -> Self:
        """Make what is missing of a new site, and open it. A whole site stays as it is, its settings too.

        `made` names the files that were made now. Raises SiteError.
        """
        place = Folder(folder)
        place.prepare()
        with place.alone():
            made = found(place, settings, wall_ms)
        site = cls.open(folder)
        site.made = tuple(made)
        return site

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a site that is there and whole. Raises SiteError, which says what is missing and what to do."""
        place = Folder(folder)
        read_settings(place / SETTINGS)
        if not place.has(CA):
            raise SiteError(f"{folder}: this site was not finished: run init-site again, which goes on where it was")
        root = place.certificate(ROOT)
        issuing = Authority(place.certificate(ISSUING), place.key(ISSUING_KEY))
        return cls(_Parts(place, root, issuing, Registry(place / REGISTRY)))

    def close(self) -> None:
        """Close the registry."""
        self._registry.close()

    @property
    def settings(self) -> SiteSettings:
        """What `site.toml` says now. Raises SiteError.

        Of several processes that have the site open, none goes by what it said before: each would put its own word in
        the place of the others', and the hubs would follow them to and fro.
        """
        return read_settings(self._folder / SETTINGS)

    @property
    def root_pem(self) -> str:
        """The root's certificate: what an enrolment code pins."""
        return certificate_pem(self._root)

    @property
    def issuing_pem(self) -> str:
        """The issuing authority's certificate, issued by the root; its key signs the word."""
        return certificate_pem(self._issuing.certificate)

    @property
    def ca_pem(self) -> str:
        """Both, the root first: what a hub trusts for the broker."""
        return self.root_pem + self.issuing_pem

    @property
    def workers_group(self) -> str:
        """The name under which the centre's workers share what hubs say (`$share/GROUP/…`); known to nobody else.

        Mosquitto lets anybody subscribe to anything, and what falls to a subscriber who may not read it is gone: a hub
        that knew the group would swallow its share of every home's alarms. Raises SiteError.
        """
        return self._folder.read(GROUP).decode().strip()

    # --- hubs ----------------------------------------------------------------------------------------

    def hubs(self) -> list[HubRecord]:
        """Give every hub there ever was, by name. Raises SiteError."""
        return self._registry.hubs()

    def hub(self, name: str) -> HubRecord | None:
        """Give one hub. Raises SiteError."""
        return next(iter(self._registry.hubs(name)), None)

    def new_name(self) -> str:
        """Make a pseudonym that no hub of this site ever had, such as hub-3f9a2c. Raises SiteError."""
        while True:
            name = f"hub-{secrets.token_hex(_PSEUDONYM_BYTES)}"
            if self.hub(name) is None:
                return name

    def issue_token(self, hub: str, lifetime_s: int, wall_ms: int) -> Code:
        """Let a box enrol as `hub`, once. An earlier code for it that was not used is void from now on.

        Raises SiteError for a name that is none or reserved, that is or was a hub's already, or a lifetime too long.
        """
        if trouble := judging.name_trouble(hub):
            raise SiteError(trouble)
        if not 0 < lifetime_s <= TOKEN_S_MAX:
            raise SiteError(f"an enrolment code is good for {TOKEN_S_MAX // 3_600} hours at most")
        secret, token = secrets.token_bytes(SECRET_BYTES), secrets.token_hex(TOKEN_BYTES)
        with self._registry.change():
            known = self.hub(hub)
            if known is not None and known.state != "waiting":
                raise SiteError(
                    f"{hub} is {known.state} already: a new box gets a new name; give none, and one is made"
                )
            self._registry.add_token(token, hub, derived(secret), wall_ms, wall_ms + lifetime_s * 1000)
        pin = root_pin(self._root.public_bytes(Encoding.DER))
        return Code(self.settings.enrolment, token, secret, pin)

    def enrol(self, body: bytes, wall_ms: int) -> Answer:
        """Make a box a hub, by the JWS of an `Enrol`. The same request again gets the same answer. Raises Refused.

        SiteError when the site's disk or registry cannot be used: nothing was changed, or the same request finds it.
        """
        asked = judging.read_enrol(body)
        request = asked.request
        assert isinstance(request, Enrol)  # noqa: S101 -- read as one
        kid = ECKey.import_key(request.signing).thumbprint()
        registry = self._registry
        with registry.change():
            token = registry.token(request.token)
            hub = token.hub if token else ""
            known = registry.known(hub, wall_ms)
            if not judging.judge_enrol(asked, token, known, registry.owner(kid), wall_ms):
                self._certify(hub, asked, wall_ms)
                registry.use_token(request.token, request.request, asked.keys)
                registry.enrolled(
                    hub, wall_ms, signing=request.signing, kid=kid, plan=request.plan, software=request.software
                )
        return self._answer(hub, asked, wall_ms)

    def renew(self, body: bytes, wall_ms: int, *, carried: bool = False) -> Answer:
        """Give a hub a new certificate, by the JWS of a `Renew`. The same request again gets the same answer.

        A request that was `carried` here on a stick, by a person who answers for it, may be old. Raises Refused
        (`clock` for one not made within ten minutes of now) and SiteError.
        """
        request = judging.read_renew(body)
        with self._registry.change():
            known = self._registry.known(request.hub, wall_ms)
            asked = judging.prove_renew(body, request, known)
            before = self._registry.certificate(request.hub, request.request)
            assert known is not None  # noqa: S101 -- a hub that is not known proves nothing
            if not judging.judge_renew(asked, known, before[1] if before else None, wall_ms, carried=carried):
                self._certify(request.hub, asked, wall_ms)
        return self._answer(request.hub, asked, wall_ms)

    def _certify(self, hub: str, asked: Asked, wall_ms: int) -> None:
        """Issue a certificate and keep it. Only inside `change`: it is given only once it is on the disk."""
        key, days = asked.csr.public_key(), self.settings.valid_days
        leaf = make_client(hub, key, self._issuing, wall_ms, days)
        ends_ms = int(leaf.not_valid_after_utc.timestamp() * 1000)
        self._registry.add_certificate(
            leaf.serial_number, hub, asked.request.request, asked.keys, certificate_pem(leaf), wall_ms, ends_ms
        )

    def _answer(self, hub: str, asked: Asked, wall_ms: int) -> Answer:
        found_one = self._registry.certificate(hub, asked.request.request)
        assert found_one is not None  # noqa: S101 -- given just now, or before
        return Answer(
            request=asked.request.request,
            hub=hub,
            certificate=found_one[0] + self.issuing_pem,
            word=self.word(wall_ms),
            issuing=self.issuing_pem,
        )

    def revoke(self, hub: str, wall_ms: int) -> bool:
        """Refuse a hub from now on: its certificates, its renewals, its unused code. Tells whether that was new.

        The broker must be told of the new `crl.pem`: `broker-config` says how. Raises SiteError.
        """
        with self._registry.change():
            known = self.hub(hub)
            if known is None:
                raise SiteError(f"{hub}: no hub of this site has this name: `list` names them")
            if fresh := known.state != "revoked":
                self._registry.revoke(hub, wall_ms)
        self._lay_crl()
        return fresh

    def _lay_crl(self) -> None:
        """Write the list of revoked certificates, if it lacks one."""
        with self._folder.alone():
            try:
                there = x509.load_pem_x509_crl(self._folder.read(CRL))
            except (SiteError, ValueError):
                there = None
            listed = {each.serial_number: int(each.revocation_date_utc.timestamp() * 1000) for each in there or ()}
            revoked = listed | self._registry.revoked()  # what a registry from a copy has forgotten stays revoked
            if there is None or set(listed) != set(revoked):
                self._folder.write(CRL, crl_pem(make_crl(self._issuing, revoked, there)))

    def broker_files(self, layout: broker.Layout, wall_ms: int) -> dict[str, bytes]:
        """Give what the broker's folder is to hold, by name: configuration, access lists, certificates. Private.

        Raises SiteError.
        """
        files = self.server("broker", wall_ms)
        self.server("centre", wall_ms)  # which is looked at whenever the broker is
        gone = [each.hub for each in self.hubs() if each.state == "revoked" and each.enrolled_ms]
        return {
            broker.CA: self.ca_pem.encode(),
            broker.KEY: files.key.read_bytes(),
            broker.CERTIFICATE: files.certificate.read_bytes(),
            broker.CRL: self._folder.read(CRL),
            broker.ACCESS: broker.access(gone).encode(),
            broker.SERVICE: broker.service(layout).encode(),
            broker.CONFIGURATION: broker.configuration(layout).encode(),
        }

    # --- what the site says, and what it is told -----------------------------------------------------

    def word(self, wall_ms: int) -> str:
        """Give the site's word, a JWS, as it is now. Its version rises when what it says changes. Raises SiteError."""
        return worded(self._registry, self._signer, self._said, wall_ms)

    def _said(self) -> SiteWord:
        settings = self.settings
        return SiteWord(
            iat=0,
            version=1,
            name=settings.name,
            ca=self.ca_pem,
            centre=tuple(each.pem for each in self._registry.centre_keys()),
            ways=settings.way,
            enrolment=settings.enrolment,
            offline_days=settings.offline_days,
            valid_days=settings.valid_days,
        )

    def rotate_centre_key(self, step: Step, wall_ms: int, *, now: bool = False) -> tuple[str, ...]:
        """Add a second key of the centre's to the word, or retire the first; give the names of those that are valid.

        Run twice, a step changes nothing. `finish` before every hub had `offline_days` to learn of the new key is
        refused, unless `now` says that the old one is known to others. Raises SiteError.
        """
        with self._folder.alone():
            if step == "add":
                return add_key(self._folder, self._registry, wall_ms)
            wait_ms = 0 if now else self.settings.offline_days * 86_400_000
            return finish_rotation(self._folder, self._registry, wall_ms, wait_ms)

    def said_by(self, body: bytes, bytes_max: int) -> tuple[str, bytes]:
        """Open a JWS that a hub of this site signed; give the hub and the payload. Raises Refused, SiteError."""
        known = self.hub(self._registry.owner(judging.signed_by(body)))
        if known is None:
            raise judging.refused("unknown", "signed by a key that no hub of this site has")
        payload = judging.open_signed(body, known.signing, bytes_max)
        if known.state == "revoked":
            raise judging.refused("revoked", "this hub was revoked")
        return known.hub, payload

    def keep_report(self, hub: str, name: str, content: bytes, wall_ms: int) -> Path:
        """Keep a hub's report, such as `commissioning.pdf`; give where. The same content again is kept once.

        Raises Refused: `unknown` hub, `unreadable` when too large or of a strange name, `too-many` of them. SiteError
        when it cannot be written.
        """
        if self.hub(hub) is None:
            raise judging.refused("unknown", f"{hub} is no hub of this site")
        return keep(self._folder, self._registry, hub, name, content, wall_ms)

    def warnings(self, wall_ms: int) -> list[str]:
        """Say what will silence the site one day if nobody does anything. Raises SiteError."""
        told = run_down(self._folder, wall_ms)
        ends = self._issuing.certificate.not_valid_after_utc
        if ends - moment(wall_ms) < timedelta(days=self.settings.valid_days + 365):
            told.append(f"the issuing authority is good until {ends:%Y-%m-%d}: no certificate can be good for longer")
        return told

    def server(self, what: What, wall_ms: int) -> ServerFiles:
        """Give a certificate of the site's own, made anew when it has run down or the site's names have changed.

        `broker` and `enrolment` are servers; `centre` is the client of the centre's workers. Raises SiteError.
        """
        with self._folder.alone():
            files = own_certificate(self._folder, self._registry, self.settings, self._issuing, what, wall_ms)
        self._lay_crl()  # a new key makes the certificates of the one before void
        return files
