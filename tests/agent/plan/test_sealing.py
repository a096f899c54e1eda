"""S8, S11: a plan on the wire is the centre's, for this hub, and keeps its numbers from everybody else."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey
from jsonschema import Draft202012Validator

from agent.plan.reading import read_plan
from agent.plan.tables import File
from agent.wire.envelope import CENTRE_ALGORITHM, DOCUMENT_BYTES_MAX, EnvelopeError, KeyFileError, Signer, Verifier
from agent.wire.messages import CarePlan, Receipt
from agent.wire.schema import FOLDER
from agent.wire.sealing import AddressError, SealError, open_plan, require_plan_key, seal_plan
from centre.issue import Issuer
from rules.values import Now
from tests.support.examples import examples

HUB = "hub-1"
EXAMPLES = sorted((Path(__file__).parents[3] / "provisioning" / "examples").glob("*.toml"))
CENTRE = OKPKey.generate_key("Ed25519")
PLAN_KEY = ECKey.generate_key("P-256")
VERIFIER = Verifier([CENTRE], CENTRE_ALGORITHM)
SIGNER = Signer(CENTRE, CENTRE_ALGORITHM)
DOCUMENT = {"version": 3, "private": {"numbers": {"son": "+447700900123"}, "texts": {"hi": "Hello."}}}


def opened(token: bytes, key: ECKey | None = PLAN_KEY) -> dict[str, Any]:
    return open_plan(token, HUB, VERIFIER, key)


def signed(**payload: Any) -> bytes:
    return SIGNER.seal(msgspec.json.encode({"aud": HUB, "iat": 1, "version": 3, **payload}))


def test_what_the_centre_seals_the_hub_opens() -> None:
    token = Issuer(CENTRE).seal_plan(DOCUMENT, HUB, Now(0, 1_000_000), PLAN_KEY)
    assert opened(token) == DOCUMENT


def test_s11_a_number_is_in_no_byte_of_the_wire() -> None:
    token = seal_plan(DOCUMENT, HUB, 1, SIGNER, PLAN_KEY)
    payload = base64.urlsafe_b64decode(token.split(b".")[1] + b"==")
    private = json.loads(payload)["private"]
    assert json.loads(payload)["version"] == 3, "the rest is there to read"
    for part in (payload, *(base64.urlsafe_b64decode(each + "==") for each in private.split("."))):
        assert b"7700900123" not in part
        assert b"Hello" not in part


def test_a_plan_without_a_private_part_needs_no_key() -> None:
    assert opened(seal_plan({"version": 3}, HUB, 1, SIGNER, None), None) == {"version": 3}


@pytest.mark.parametrize("private", [{"numbers": {}}, None, ["x"], 7])
def test_s11_a_private_part_in_the_clear_is_refused_and_not_repeated(private: Any) -> None:
    with pytest.raises(SealError, match="in the clear") as caught:
        opened(signed(private=private))
    assert caught.value.version == 3


def test_a_hub_without_a_key_says_so() -> None:
    with pytest.raises(SealError, match=r"no key for private parts.*hub\.toml"):
        opened(seal_plan(DOCUMENT, HUB, 1, SIGNER, PLAN_KEY), None)


def test_s11_a_private_part_for_another_hub_is_refused() -> None:
    with pytest.raises(SealError, match="not encrypted to this hub"):
        opened(seal_plan(DOCUMENT, HUB, 1, SIGNER, ECKey.generate_key("P-256")))


@pytest.mark.parametrize(
    ("algorithm", "content", "more"),
    [
        ("ECDH-ES", "A256GCM", {}),
        ("ECDH-ES+A128KW", "A256GCM", {}),
        ("ECDH-ES+A256KW", "A128CBC-HS256", {}),
        ("ECDH-ES+A256KW", "A256GCM", {"zip": "DEF"}),
    ],
)
def test_s8_no_algorithm_but_ours_is_taken(algorithm: str, content: str, more: dict[str, str]) -> None:
    allowed = [algorithm, content, *more.values()]
    token = jwe.encrypt_compact({"alg": algorithm, "enc": content, **more}, b"{}", PLAN_KEY, algorithms=allowed)
    with pytest.raises(SealError, match="not encrypted to this hub"):
        opened(signed(private=token))


def test_s8_a_forged_plan_is_no_plan() -> None:
    stranger = Signer(OKPKey.generate_key("Ed25519"), CENTRE_ALGORITHM)
    with pytest.raises(EnvelopeError, match="unknown key"):
        opened(seal_plan(DOCUMENT, HUB, 1, stranger, PLAN_KEY))


def test_s8_a_plan_for_another_hub_is_not_ours() -> None:
    with pytest.raises(AddressError):
        opened(seal_plan(DOCUMENT, "hub-2", 1, SIGNER, PLAN_KEY))


def test_s8_a_receipt_is_no_plan() -> None:
    receipt = Receipt(aud=HUB, iat=1, ref="e-a-1", digest="0" * 64, nonce="12345678", result="accepted")
    with pytest.raises(EnvelopeError, match="not of the contract"):
        opened(Issuer(CENTRE).seal(receipt))


def test_s12_a_plan_is_not_sealed_that_is_too_large_for_the_wire() -> None:
    with pytest.raises(ValueError, match="more than the 65536"):
        seal_plan({"version": 1, "accepted_gaps": ["x" * 100] * 1000}, HUB, 1, SIGNER, None)


def test_s12_a_plan_that_is_too_large_is_not_opened() -> None:
    with pytest.raises(EnvelopeError, match="larger than"):
        opened(b"x" * (DOCUMENT_BYTES_MAX + 1))


def test_a_public_key_opens_nothing_and_says_so() -> None:
    public = ECKey.import_key(PLAN_KEY.as_dict(private=False))
    with pytest.raises(KeyFileError, match=r"plan\.pem: .*private one"):
        require_plan_key(public, Path("plan.pem"))


def test_a_private_part_is_not_sealed_without_a_key() -> None:
    with pytest.raises(ValueError, match="public key for plans"):
        seal_plan(DOCUMENT, HUB, 1, SIGNER, None)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.binary(max_size=100)
    | st.text(max_size=60).map(str.encode)
    | st.builds(b".".join, st.lists(st.binary(max_size=30)))
)
def test_any_bytes_are_opened_or_refused_and_nothing_else(token: bytes) -> None:
    with pytest.raises(EnvelopeError):
        opened(token)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["aud", "iat", "version", "private"]), st.none() | st.integers() | st.text(max_size=40)
    )
)
def test_whatever_the_centre_signs_is_opened_or_refused_and_nothing_else(payload: dict[str, Any]) -> None:
    try:
        document = opened(SIGNER.seal(msgspec.json.encode({"aud": HUB, "iat": 1, "version": 3, **payload})))
    except (EnvelopeError, AddressError, SealError) as error:
        document = {"error": str(error)}
    assert document


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0), st.binary(min_size=1, max_size=4))
def test_s8_a_plan_changed_on_its_way_is_no_plan(place: int, change: bytes) -> None:
    token = seal_plan(DOCUMENT, HUB, 1, SIGNER, PLAN_KEY)
    place %= len(token) - 50  # the last characters may have bits that mean nothing
    changed = token[:place] + change + token[place + len(change) :]
    if changed != token:
        with pytest.raises(EnvelopeError):
            opened(changed)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_sealed_fits_the_published_contract(example: Path) -> None:
    token = seal_plan(read_plan(example).raw, HUB, 1, SIGNER, PLAN_KEY)
    payload = json.loads(VERIFIER.open(token, DOCUMENT_BYTES_MAX))
    schema = json.loads((FOLDER / "schemas" / "plan.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(payload)) == []
    assert list(Draft202012Validator(schema).iter_errors(payload | {"private": {"numbers": {}}}))
    assert set(CarePlan.__struct_fields__) - {"aud", "iat"} == set(File.__struct_fields__)


def test_an_example_goes_over_the_wire_and_means_the_same() -> None:
    for example in EXAMPLES:
        document = read_plan(example)
        again = read_plan(opened(seal_plan(document.raw, HUB, 1, SIGNER, PLAN_KEY)))
        assert (again.plan, again.private) == (document.plan, document.private)
