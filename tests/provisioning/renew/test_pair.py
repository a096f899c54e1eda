"""A certificate and its key change places with the new ones: together, whatever is cut off."""

import shutil
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from provisioning.provision import pair
from provisioning.provision.keys import new_key, private_pem
from provisioning.provision.pair import Pair
from tests.support.certificates import Authority
from tests.support.killed import every_kill

HUB = "hub-1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def ours(tmp_path: Path, authority: Authority) -> Pair:
    """A pair as enrolment leaves it: two plain files."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    made = authority.issue("first", HUB)
    shutil.copy(made.certificate, keys / "uplink.pem")
    shutil.copy(made.key, keys / "uplink.key")
    return Pair(keys / "uplink.pem", keys / "uplink.key")


def certify(ours: Pair, authority: Authority) -> bytes:
    """Put a certificate beside the key in the making, as the site would have issued it."""
    begun = pair.begin(ours, HUB)
    made = authority.issue("next", HUB)
    pair.put(ours.next.key, made.key.read_bytes())
    pair.put(ours.next.certificate, made.certificate.read_bytes())
    assert begun.request
    return made.certificate.read_bytes()


def in_use(ours: Pair) -> bytes:
    """Load the pair as the hub does, which fails unless both belong together; give the certificate."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(ours.certificate, ours.key)
    return ours.certificate.read_bytes()


def folders(ours: Pair) -> int:
    return sum(each.is_dir() and not each.is_symlink() for each in ours.folder.iterdir())


def test_what_is_begun_stays_the_same_until_it_is_given_up(ours: Pair) -> None:
    begun = pair.begin(ours, HUB)
    again = pair.begin(ours, HUB)
    assert (again.request, again.csr) == (begun.request, begun.csr)
    assert x509.load_pem_x509_csr(begun.csr.encode()).public_key() == begun.key
    pair.drop(ours)
    assert folders(ours) == 0
    assert pair.begin(ours, HUB).request != begun.request


def test_new_pairs_follow_one_another_and_the_one_before_stays(ours: Pair, authority: Authority) -> None:
    certificates = [in_use(ours)]
    for _ in range(3):
        certificates.append(certify(ours, authority))
        pair.install(ours)
        assert in_use(ours) == certificates[-1]
        assert in_use(ours.previous) == certificates[-2]
        assert folders(ours) == 2, "what nobody needs is gone"
    assert ours.key.stat().st_mode & 0o777 == 0o600
    assert all(each.stat().st_mode & 0o077 == 0 for each in ours.folder.iterdir() if each.is_dir())


def test_a_pair_that_was_laid_by_hand_meanwhile_is_what_comes_before(ours: Pair, authority: Authority) -> None:
    certify(ours, authority)
    pair.install(ours)
    by_hand = authority.issue("by-hand", HUB)
    for path, source in ((ours.certificate, by_hand.certificate), (ours.key, by_hand.key)):
        path.unlink()
        shutil.copy(source, path)
    certificate = certify(ours, authority)
    pair.install(ours)
    assert in_use(ours) == certificate
    assert in_use(ours.previous) == by_hand.certificate.read_bytes()


@pytest.mark.parametrize("renewed_before", [False, True])
def test_killed_at_every_step_the_hub_has_one_whole_pair_and_the_next_run_goes_on(
    ours: Pair, authority: Authority, tmp_path: Path, *, renewed_before: bool
) -> None:
    if renewed_before:
        certify(ours, authority)
        pair.install(ours)
    old, new = in_use(ours), certify(ours, authority)
    saved = tmp_path / "saved"
    shutil.copytree(ours.folder, saved, symlinks=True)
    seen = set()
    for _ in every_kill(lambda: pair.install(ours)):
        seen.add(in_use(ours))
        assert seen <= {old, new}
        if ours.beside("next").is_symlink() and in_use(ours) != new:
            pair.install(ours)
        pair.finish(ours)
        assert (in_use(ours), in_use(ours.previous)) == (new, old)
        shutil.rmtree(ours.folder)
        shutil.copytree(saved, ours.folder, symlinks=True)
    assert seen == {old, new}


def test_killed_while_it_is_made_nothing_of_it_stays(ours: Pair, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    shutil.copytree(ours.folder, saved, symlinks=True)
    for _ in every_kill(lambda: pair.begin(ours, HUB)):
        begun = pair.begin(ours, HUB)
        assert begun.request == ours.beside("next").readlink().name.removeprefix("uplink.")
        assert in_use(ours)
        pair.drop(ours)
        assert folders(ours) == 0
        shutil.rmtree(ours.folder)
        shutil.copytree(saved, ours.folder, symlinks=True)


def test_a_key_of_ours_is_no_others(ours: Pair) -> None:
    key = new_key()
    assert pair.request_id(key.public_key()) == pair.request_id(key.public_key())
    assert pair.request_id(key.public_key()) != pair.request_id(new_key().public_key())
    assert private_pem(key).startswith(b"-----BEGIN PRIVATE KEY")
