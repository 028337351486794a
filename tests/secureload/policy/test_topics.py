"""Settings combine: a policy over what it extends, rules by the strictest."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureload.policy.topics import (
    Topic,
    Topics,
    in_bytes,
    in_seconds,
    layered,
    partial,
    tightened,
)

_PARTIAL = partial(Topics)
_DEMANDS = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["commit", "ssh", "model-signing"])},
        optional={"trustRoot": st.sampled_from(["a", "b"])},
    ),
    max_size=3,
    unique_by=str,
).map(tuple)
_SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "any_of": _DEMANDS,
    "all_of": _DEMANDS,
    "prefer": _DEMANDS,
    "monotonic": st.booleans(),
    "min_age": st.sampled_from(["30m", "2h", "14d"]),
    "remote_code": st.one_of(
        st.just("forbid"),
        st.sampled_from(["a", "b"]).map(lambda file: {"mode": "approved-digests", "file": file}),
    ),
}
_NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple)


def _settings(shape: type[Topic]) -> st.SearchStrategy[dict[str, Any]]:
    """Plain documents that set some of a topic's settings."""
    hints = get_type_hints(shape, include_extras=True)
    choices: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(shape):
        kind = hints[field.name]
        if field.name in _SPECIAL:
            choices[field.encode_name] = _SPECIAL[field.name]
        elif isinstance(kind, type) and issubclass(kind, Topic):
            choices[field.encode_name] = _settings(kind)
        elif get_origin(kind) is not None and field.name == "sources":
            choices[field.encode_name] = st.lists(
                st.sampled_from(["hub", "local", "git"]), unique=True
            ).map(tuple)
        elif field.name == "repo_types":
            types = st.sampled_from(["model", "dataset", "space"])
            choices[field.encode_name] = st.lists(types, unique=True).map(tuple)
        elif isinstance(field.default, str):
            choices[field.encode_name] = st.sampled_from(get_args(kind))
        elif isinstance(field.default, tuple) or field.name == "allow":
            choices[field.encode_name] = _NAMES
        else:
            choices[field.encode_name] = st.integers(0, 5)
    return st.fixed_dictionaries({}, optional=choices)


def _partial(plain: dict[str, Any]) -> Any:
    return msgspec.convert(plain, _PARTIAL, strict=True)


@settings(deadline=None)
@given(_settings(Topics), _settings(Topics))
def test_tightening_is_commutative_over_rules(first: dict[str, Any], other: dict[str, Any]) -> None:
    base = Topics()
    one = tightened(tightened(base, _partial(first)), _partial(other))
    two = tightened(tightened(base, _partial(other)), _partial(first))
    assert _unordered(one) == _unordered(two)


@settings(deadline=None)
@given(_settings(Topics))
def test_tightening_twice_is_tightening_once(plain: dict[str, Any]) -> None:
    once = tightened(Topics(), _partial(plain))
    assert tightened(once, _partial(plain)) == once


@settings(deadline=None)
@given(_settings(Topics))
def test_no_rule_loosens_a_choice(plain: dict[str, Any]) -> None:
    base, after = Topics(), tightened(Topics(), _partial(plain))
    for topic in ("identity", "verdicts", "revision", "pickles", "cache"):
        before_topic, after_topic = getattr(base, topic), getattr(after, topic)
        for name, kind in get_type_hints(type(before_topic)).items():
            order = get_args(kind)
            before = getattr(before_topic, name)
            if before in order:
                assert order.index(getattr(after_topic, name)) >= order.index(before)


@settings(deadline=None)
@given(_settings(Topics))
def test_what_a_partial_topic_says_survives_a_round_trip(plain: dict[str, Any]) -> None:
    again = msgspec.to_builtins(_partial(plain))
    assert again == msgspec.to_builtins(_partial(again))
    assert msgspec.convert(layered({}, again), Topics) == msgspec.convert(plain, Topics)


def test_types_of_repositories_are_those_that_every_rule_names() -> None:
    base = msgspec.convert({"repoTypes": ["model", "dataset"]}, Topics)
    once = tightened(base, _partial({"repoTypes": ["dataset", "space"]}))
    assert once.repo_types == ("dataset",)
    assert tightened(once, _partial({"repoTypes": ["model"]})).repo_types == ()
    assert Topics().repo_types == ("model",)


def _any_of(*kinds: str) -> Any:
    return _partial({"identity": {"anyOf": [{"kind": kind} for kind in kinds]}})


def test_two_rules_that_each_ask_for_one_of_some_must_both_be_met() -> None:
    both = tightened(tightened(Topics(), _any_of("ssh", "openpgp")), _any_of("model-signing"))
    assert {str(one) for one in both.identity.any_of} == {
        "model-signing and ssh",
        "model-signing and openpgp",
    }
    assert tightened(both, _any_of("ssh", "openpgp")) == both


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("2 h", 7_200), ("14d", 1_209_600)])
def test_ages_read_with_their_units(text: str, seconds: int) -> None:
    assert in_seconds(text) == seconds


def test_a_limit_and_no_limit_give_the_limit() -> None:
    limited = _partial({"limits": {"repoBytes": "2 KiB"}})
    assert tightened(Topics(), limited).limits.repo_bytes == "2 KiB"
    smaller = _partial({"limits": {"repoBytes": 2047}})
    assert tightened(tightened(Topics(), limited), smaller).limits.repo_bytes == 2047


def test_layering_replaces_lists_and_keeps_neighbours() -> None:
    base = {"identity": {"absent": "warn", "trustRoots": ["a"]}, "mode": "warn"}
    over = {"identity": {"trustRoots": ["b"]}}
    merged = {"identity": {"absent": "warn", "trustRoots": ["b"]}, "mode": "warn"}
    assert layered(base, over) == merged


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("7B", 7), ("2 KiB", 2048), ("3kB", 3000), ("60GiB", 60 << 30), (12, 12)],
)
def test_sizes_read_with_and_without_units(text: str | int, size: int) -> None:
    assert in_bytes(text) == size


def _unordered(topics: Topics) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return sorted(map(repr, value)) if isinstance(value, (list, tuple)) else value

    return plain(msgspec.to_builtins(topics))
