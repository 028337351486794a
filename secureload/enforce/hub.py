"""`huggingface_hub`: clients get the files of the admitted folder, whatever they ask with.

Downloads are answered below every alias of `hf_hub_download`, so nothing is fetched twice and
no client's cache is believed. What asks the Hub by itself (`HfApi`, `HfFileSystem`) is
answered by `hub_api`. Datasets and Spaces come through the gate as models do, where the policy
lets them be asked for at all.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from secureload.enforce import admissions, hub_api
from secureload.enforce.admissions import Absent, Asked
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER


def install() -> None:
    """Answer for the Hub as soon as its client is loaded."""
    FINDER.add("huggingface_hub.file_download", _downloads)
    FINDER.add("huggingface_hub._snapshot_download", _snapshots)
    hub_api.install()


def _downloads(module: ModuleType) -> None:
    divert_in(module, "_hf_hub_download_to_cache_dir", _to_cache)
    divert_in(module, "_hf_hub_download_to_local_dir", _to_folder)
    divert_in(module, "try_to_load_from_cache", _from_cache)


def _snapshots(module: ModuleType) -> None:
    divert_in(module, "snapshot_download", _snapshot)


def _named(repo_type: str | None, repo_id: str) -> str:
    """The repository by the name that the gate knows it by.

    Raises:
        Refused: it is of a type that no policy admits.
    """
    from secureload.flow import HUB_PREFIXES

    for known, prefix in HUB_PREFIXES.items():
        if (repo_type or "model") == known:
            return prefix + repo_id
    from secureload.enforce import judge

    raise judge.refuse(repo_id, "remote-code", f"a {repo_type} repository holds compiled code")


def _asked(options: dict[str, Any]) -> Asked:
    headers = options.get("headers")
    if headers is not None and "authorization" in headers:
        token: str | bool | None = str(headers["authorization"]).removeprefix("Bearer ")
    else:
        token = hub_api.token_of(options.get("token"))
    return Asked(
        token=token,
        offline=bool(options.get("local_files_only")),
        force=bool(options.get("force_download")),
    )


def _to_cache(original: Callable[..., Any]) -> Callable[..., Any]:
    def download(**options: Any) -> Any:
        found, commit = _file(options)
        return _described(options, found, found, commit) if options.get("dry_run") else str(found)

    return download


def _to_folder(original: Callable[..., Any]) -> Callable[..., Any]:
    def download(**options: Any) -> Any:
        found, commit = _file(options)
        target = Path(options["local_dir"]) / options["filename"]
        if options.get("dry_run"):
            return _described(options, found, target, commit)
        copy(found, target)
        return str(target)

    return download


def _file(options: dict[str, Any]) -> tuple[Path, str]:
    repo = _named(options.get("repo_type"), options["repo_id"])
    revision, name = options.get("revision"), options["filename"]
    with hub_api.errors_as_the_client_knows_them(repo):
        found = admissions.file(repo, _revision(revision), name, _asked(options))
    if isinstance(found, Absent):
        hub_api.raise_absent(repo, found)
    return found, str(getattr(revision, "resolved", revision) or "")


def _described(options: dict[str, Any], found: Path, target: Path, commit: str) -> Any:
    from huggingface_hub.file_download import DryRunFileInfo

    return DryRunFileInfo(
        commit_hash=commit,
        file_size=found.stat().st_size,
        filename=options["filename"],
        local_path=str(target),
        is_cached=True,
        will_download=False,
    )


def _revision(revision: Any) -> str | None:
    """The commit that the client has pinned, else what it asks for."""
    resolved = getattr(revision, "resolved", None)
    return str(resolved or revision) if resolved or revision else None


def _from_cache(original: Callable[..., Any]) -> Callable[..., Any]:
    def try_to_load_from_cache(
        repo_id: str,
        filename: str,
        cache_dir: Any = None,
        revision: Any = None,
        repo_type: str | None = None,
    ) -> Any:
        # None makes the caller ask for the download, which is answered from our cache.
        repo = _named(repo_type, repo_id)
        found = admissions.known(repo, _revision(revision), filename)
        return None if found is None else str(found)

    return try_to_load_from_cache


def _snapshot(original: Callable[..., Any]) -> Callable[..., Any]:
    def snapshot_download(repo_id: str, **options: Any) -> Any:
        repo = _named(options.get("repo_type"), repo_id)
        with hub_api.errors_as_the_client_knows_them(repo):
            entry = _admitted(repo, options)
        names = [file.path for file in entry.files]
        chosen = list(_matching(names, options))
        local = options.get("local_dir")
        place = Path(os.fspath(local)).expanduser().resolve() if local else entry.path
        if options.get("dry_run"):
            return [
                _described({"filename": name}, entry.path / name, place / name, entry.commit)
                for name in chosen
            ]
        if local:
            for name in chosen:
                copy(entry.path / name, place / name)
        return str(place)

    return snapshot_download


def _admitted(repo: str, options: dict[str, Any]) -> Any:
    """The admitted model, or only the files that patterns choose where those are others."""
    from secureload.errors import NothingNeededError
    from secureload.flow import Need

    asked = _asked(options)
    try:
        entry = admissions.repository(repo, _revision(options.get("revision")), asked)
    except NothingNeededError as error:
        known = admissions.listing(repo, error.commit, asked)
        others = tuple(_matching(known, options))
        if options.get("allow_patterns") is None or not others:
            raise
        return admissions.repository(repo, error.commit, asked, Need(files=others))
    if options.get("allow_patterns") is None:
        return entry
    names = [file.path for file in entry.files]
    if any(_matching(names, options)):
        return entry
    others = tuple(_matching(admissions.listing(repo, entry.commit, asked), options))
    converted = {name for conversion in entry.conversions for name in conversion.inputs}
    if not others or set(others) <= converted:
        return entry
    return admissions.repository(repo, entry.commit, asked, Need(files=others))


def _matching(names: Iterable[str], options: dict[str, Any]) -> Iterable[str]:
    allow, ignore = _patterns(options, "allow_patterns"), _patterns(options, "ignore_patterns")
    for name in names:
        wanted = allow is None or any(fnmatch.fnmatch(name, glob) for glob in allow)
        if wanted and not any(fnmatch.fnmatch(name, glob) for glob in ignore or ()):
            yield name


def _patterns(options: dict[str, Any], key: str) -> list[str] | None:
    found = options.get(key)
    if found is None:
        return None
    given = [found] if isinstance(found, str) else list(found)
    return [glob + "*" if glob.endswith("/") else glob for glob in given]


def copy(source: Path, target: Path) -> None:
    """Put an admitted file into a client's own folder, in place of what lies there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
