"""An admitted revision in the words of the Hub's API."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from secureload.gateway.evidence import FOLDER
from secureload.gateway.revisions import HubFile, View


def info(view: View, query: Mapping[str, list[str]]) -> dict[str, Any]:
    """The information on a repository; with `expand`, what is named there alone."""
    blobs = query.get("blobs", [""])[0].lower() in {"true", "1"}
    about = view.about
    found: dict[str, Any] = {
        "_id": hashlib.sha256(view.repository.encode()).hexdigest()[:24],
        "id": view.name,
        **({"modelId": view.name} if view.repo_type == "model" else {}),
        "author": view.name.partition("/")[0] if "/" in view.name else None,
        "sha": view.id,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": about.get("downloads", 0),
        "likes": about.get("likes", 0),
        "tags": about.get("tags", []),
        **({"spaces": []} if view.repo_type == "model" else {}),
        "siblings": [_sibling(file, blobs) for file in view.files.values()],
        "usedStorage": sum(file.size for file in view.files.values()),
        "secureload": {
            "repo_type": view.repo_type,
            "upstream": view.commit,
            "admission": view.admission,
            "policy": {"name": view.policy.name, "digest": view.policy.digest},
            "converted": sorted(p for c in view.converted for p in c.outputs),
            "evidence": [f"{FOLDER}/{name}" for name in sorted(view.evidence)],
        },
    }
    for name in (
        *("pipeline_tag", "library_name", "createdAt", "lastModified"),
        *("cardData", "config", "transformersInfo", "description", "sdk"),
    ):
        if name in about:
            found[name] = about[name]
    if "securityStatus" in query or "securityStatus" in query.get("expand", []):
        found["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": []}
    if expand := query.get("expand"):
        found["xetEnabled"] = False
        wanted = {"_id", "id", "modelId", "sha"}.union(*(value.split(",") for value in expand))
        found = {name: value for name, value in found.items() if name in wanted}
    return found


def tree_entries(view: View, folder: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """Folders, then files, below a folder of a revision (empty for the whole)."""
    inside = f"{folder}/" if folder else ""

    def wanted(path: str) -> bool:
        below = path.startswith(inside) and path != folder
        return below and (recursive or "/" not in path[len(inside) :])

    more: dict[str, Any] = {}
    if expand:
        more["lastCommit"] = {
            "id": view.id,
            "title": f"Admitted from upstream commit {view.commit}",
            "date": f"{view.admitted_at[:23]}Z",
        }
    folders = [
        {"type": "directory", "oid": _tree_oid(view, path), "size": 0, "path": path, **more}
        for path in sorted(view.folders)
        if wanted(path)
    ]
    if expand:
        status = {"status": "safe", "avScan": None, "pickleImportScan": None}
        more["securityFileStatus"] = status
    files = [{**_entry(file), **more} for path, file in sorted(view.files.items()) if wanted(path)]
    return folders + files


def _sibling(file: HubFile, blobs: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": file.path}
    if blobs:
        sibling |= {"size": file.size, "blobId": file.oid}
        if file.lfs:
            lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
            sibling["lfs"] = lfs
    return sibling


def _entry(file: HubFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        "oid": file.oid,
        "size": file.size,
        "path": file.path,
    }
    if file.lfs:
        lfs = {"oid": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
        entry["lfs"] = lfs
    return entry


def _tree_oid(view: View, folder: str) -> str:
    """An id for a folder: clients show it, and compare it with nothing."""
    return hashlib.sha256(f"{view.id}/{folder}".encode()).hexdigest()[:40]
