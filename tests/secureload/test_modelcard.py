"""Licences in a model card's front matter, plain, in lists, absent, and hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload import gate, modelcard
from secureload.errors import Refused
from tests.builders import models


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("---\nlicense: mit\n---\n# Hi\n", ("mit",)),
        ("---\r\nlicense: Apache-2.0\r\n---\r\n", ("Apache-2.0",)),
        ("\ufeff---\nlicense: mit\n---\n", ("mit",)),
        ("---\nlicense: [mit, apache-2.0]\n---\n", ("mit", "apache-2.0")),
        ("---\nlicense: other\nlicense_name: community\n---\n", ("community",)),
        ("---\ntags: [a]\n---\n", ()),
        ("---\nlicense: 7\n---\n", ()),
        ("---\n- license\n---\n", ()),
        ("---\nlicense: *x\n---\n", ()),
        ("---\na: &a [x]\nlicense: *a\n---\n", ()),
        ("---\nx:\n  license: mit\n---\n", ()),
        ("---\nlicense: !!python/object/apply:os.system ['true']\n---\n", ()),
        ("---\nlicense: {\n---\n", ()),
        ("---\nlicense:\n- mit\n- gpl-3.0\ntags: x\n---\n", ("mit", "gpl-3.0")),
        ("---\nlicense: mit\nlicense: gpl-3.0\n---\n", ()),
        ("---\nlicense: " + "[" * 50_000 + "\n---\n", ()),
        ("---\nx: " + "[" * 50_000 + "\nlicense: mit\n---\n", ("mit",)),
        ("---\nlicense: mit\n" + "# long\n" * 20_000 + "---\n", ()),
        ("# No front matter\n---\nlicense: mit\n---\n", ()),
        ("", ()),
    ],
)
def test_what_a_card_names(tmp_path: Path, text: str, named: tuple[str, ...]) -> None:
    (tmp_path / "README.md").write_bytes(text.encode())
    assert modelcard.licences(tmp_path) == named


def test_no_card_is_told_apart_from_a_card_without_licence(tmp_path: Path) -> None:
    assert modelcard.licences(tmp_path) is None


@pytest.mark.parametrize(
    ("settings", "card", "refused"),
    [
        ("allow: [mit]", "license: MIT", ""),
        ("allow: [mit]", "license: cc-by-nc-4.0", "not among those allowed"),
        ("deny: [cc-by-nc-4.0]", "license: CC-BY-NC-4.0", "is refused"),
        ("allow: [mit]", "license: [mit, gpl-3.0]", "`gpl-3.0` is not among"),
        ("unknown: deny", "tags: []", "names no licence"),
        ("unknown: deny", None, "no model card"),
        ("deny: [mit]", None, ""),
    ],
)
def test_a_policy_decides_by_licence(
    tmp_path: Path, settings: str, card: str | None, refused: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in models.safe().items():
        (folder / name).write_bytes(data)
    if card is not None:
        (folder / "README.md").write_text(f"---\n{card}\n---\n")
    policy = tmp_path / "ours.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
        f"spec: {{licences: {{{settings}}}}}\n"
    )
    if not refused:
        assert gate.admit(folder, trust_policy=policy).path.is_dir()
        return
    with pytest.raises(Refused) as error:
        gate.admit(folder, trust_policy=policy)
    assert error.value.verdict.rules == {"licences"}
    assert refused in str(error.value)
