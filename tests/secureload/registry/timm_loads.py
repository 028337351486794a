"""Loads of a tiny timm model through the gate, in a process of its own: see `timm_side`.

Prints one line a check; a check that fails raises.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from tests.secureload.registry import timm_side  # noqa: E402


def main(side: Path, place: Path) -> None:
    """Every way to a timm model, from safetensors and from a legacy checkpoint."""
    timm_side.importable(side)
    import pytest
    import timm
    import torch

    import secureload
    from secureload.errors import IntegrityError, Refused, UsageError
    from tests.builders import libraries
    from tests.builders.models import hostile_zip
    from tests.secureload.registry import hashed

    torch.manual_seed(0)
    name, size = "test_vit", 160
    made = timm.create_model(name, num_classes=7).eval()
    safe = place / "safe"
    timm.models.save_for_hf(made, str(safe), safe_serialization=True)
    assert (safe / "model.safetensors").is_file()
    old = libraries.legacy(safe, place / "old")
    image = torch.randn(1, 3, size, size)

    @torch.no_grad()
    def answers(model: torch.nn.Module) -> torch.Tensor:
        return model.eval()(image)

    theirs = timm.create_model(f"local-dir:{safe}", pretrained=True)
    assert torch.equal(answers(theirs), answers(made))
    policy = hashed.policy(place)
    for folder in (safe, old):
        ours = secureload.create_model(str(folder), pretrained=True)
        assert type(ours) is type(theirs)
        assert torch.equal(answers(ours), answers(theirs))
        assert torch.equal(answers(secureload.load(f"timm:{folder}")), answers(theirs))
        again = secureload.load(f"timm:{folder}", trust_policy=policy)
        assert torch.equal(answers(again), answers(theirs))
    print("equal to timm's own")
    features = secureload.create_model(f"local-dir:{old}", pretrained=True, num_classes=0)
    assert answers(features).shape == (1, made.num_features)
    assert type(secureload.create_model(name, pretrained=False)) is type(made)
    print("arguments are timm's own")
    for arguments in ({"checkpoint_path": "x.pth"}, {"pretrained_cfg": {"file": "x"}}):
        with pytest.raises(UsageError, match=next(iter(arguments))):
            secureload.create_model(str(safe), **arguments)
    print("arguments that lead elsewhere are refused")
    marker = place / "executed"
    (old / "pytorch_model.bin").write_bytes(hostile_zip(f"touch {marker}"))
    with pytest.raises(Refused, match="runs-shell"):
        secureload.create_model(str(old), pretrained=True)
    assert not marker.exists()
    print("malicious weights are refused")
    entry = hashed.admitted(safe, place)
    hashed.flip(entry.path / "model.safetensors")
    with pytest.raises(IntegrityError, match="safetensors"):
        secureload.create_model(str(safe), pretrained=True, trust_policy=policy)
    print("a changed byte is noticed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
