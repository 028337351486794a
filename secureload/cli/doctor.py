"""`secureload doctor`: what this machine offers, and whether anything needed is missing."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from secureload.cli.console import counted, fail, printable, say, show_json, version
from secureload.cli.options import format_option, policy_option
from secureload.cli.policies import load_policy
from secureload.errors import SecureloadError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.sandbox.probe import Mechanisms

_HELP = """Tell what this machine offers, and what is missing.

\b
Examples:
  secureload doctor
  secureload doctor --policy strict --format json

Starts a confined worker to see which tier it reaches (none, rlimits, seccomp, landlock,
landlock+seccomp), asks git, gpg and ssh-keygen for their versions, looks at the trusted cache,
and names the libraries that are installed without importing them. Exit code 0, or 2 when the
policy needs something that is not there.
"""

_TOOLS = {
    "git": (("git", "--version"), "no commit and no signature can be checked"),
    "gpg": (("gpg", "--version"), "no OpenPGP signature can be checked"),
    "ssh-keygen": (("ssh", "-V"), "no SSH signature can be checked"),
}
"""How each tells its version, and what fails without it; ssh-keygen tells none, ssh is its twin."""

_LIBRARIES = ("torch", "transformers", "safetensors", "huggingface_hub", "fickling", "h5py")

_TIMEOUT = 10
"""Seconds for one answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cache:
    home: str
    admissions: int
    problems: tuple[str, ...]


@click.command("doctor", help=_HELP)
@policy_option
@format_option("text", "json")
def command(policy_name: str | None, format_: str) -> int:
    """Look, tell, and judge by the policy."""
    from secureload.sandbox.probe import probe

    policy = load_policy(policy_name)
    required = policy.base.sandbox == "required"
    mechanisms = probe()
    tools = {name: _tool(name) for name in _TOOLS}
    libraries = {name: _library(name) for name in _LIBRARIES}
    cache = _look(Settings.from_environment())
    problems = [
        f"{name} is missing: {_TOOLS[name][1]}" for name, found in tools.items() if not found
    ]
    key, trouble = _operator(Settings.from_environment())
    if trouble:
        problems.append(trouble)
    elif key is None and policy.base.evidence.sign == "required":
        problems.append(
            f"policy `{policy.id.name}` requires evidence, and there is no operator key: "
            "`secureload init` makes one"
        )
    problems += [f"the trusted cache: {problem}" for problem in cache.problems]
    if required and not mechanisms.tier.full:
        problems.append(
            f"policy `{policy.id.name}` requires full confinement: {'; '.join(mechanisms.missing)}"
        )
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.doctor/1",
                "version": version(),
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.release()} {platform.machine()}",
                "policy": {"name": policy.id.name, "sandbox": policy.base.sandbox},
                "sandbox": {
                    "tier": mechanisms.tier.value,
                    "full": mechanisms.tier.full,
                    "landlock": mechanisms.landlock,
                    "seccomp": mechanisms.seccomp,
                    "missing": list(mechanisms.missing),
                },
                "tools": tools,
                "libraries": libraries,
                "cache": {
                    "home": cache.home,
                    "admissions": cache.admissions,
                    "problems": list(cache.problems),
                },
                "operator": key,
                "problems": problems,
            }
        )
    else:
        _show(mechanisms, tools, libraries, cache)
        _row("operator key", key or trouble or "none: admissions leave no signed evidence")
        for problem in problems:
            fail(problem)
        if not problems:
            say(click.style("nothing is missing", fg="green", bold=True))
    return 2 if problems else 0


def _operator(settings: Settings) -> tuple[str | None, str]:
    """The id of the key that signs evidence, if there is one, or what is wrong with it."""
    from secureload.evidence import operator

    path = operator.configured(settings.home)
    if path is None:
        return None, ""
    try:
        return operator.load(path).keyid, ""
    except SecureloadError as error:
        return None, error.message


def _show(
    mechanisms: Mechanisms,
    tools: dict[str, str | None],
    libraries: dict[str, str | None],
    cache: _Cache,
) -> None:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    _row("secureload", f"{version()}, Python {platform.python_version()}, {system}")
    _row("sandbox", mechanisms.tier.value)
    _row("  landlock", f"version {mechanisms.landlock}" if mechanisms.landlock else "none")
    _row("  seccomp", "yes" if mechanisms.seccomp else "no")
    for missing in mechanisms.missing:
        _row("  missing", missing)
    for name, found in (*tools.items(), *libraries.items()):
        _row(name, found or "not installed")
    sound = "; ".join(cache.problems) or f"sound, {counted(cache.admissions, 'admission')}"
    _row("cache", f"{cache.home}: {sound}")


def _row(name: str, value: str) -> None:
    say(f"{name:<16} {printable(value)}")


def _tool(name: str) -> str | None:
    """The first line in which a program tells its version; None when it cannot be run."""
    import shutil

    if shutil.which(name) is None:
        return None
    command_, _ = _TOOLS[name]
    try:
        shown = subprocess.run(
            command_,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return "installed, of unknown version"
    lines = (shown.stdout or shown.stderr).splitlines()
    return lines[0] if lines else "installed, of unknown version"


def _library(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _look(settings: Settings) -> _Cache:
    """A quick look at the cache; `secureload cache verify` reads every byte."""
    from secureload.cache import TrustedCache

    try:
        cache = TrustedCache.of(settings)
        entries = cache.entries()
        problems = tuple(str(problem) for problem in cache.verify(deep=False))
    except SecureloadError as error:
        return _Cache(home=str(settings.home), admissions=0, problems=(error.message,))
    return _Cache(home=str(settings.home), admissions=len(entries), problems=problems)
