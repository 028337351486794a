"""The record of a load, written beside the load itself: handed over, whatever becomes of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from secureload.cache import TrustedCache
    from secureload.flow import CacheEntry

_PLACING = frozenset({"device_map", "tp_plan", "device_mesh", "distributed_config"})
"""Arguments of `from_pretrained` that say where a model goes."""


def device_beforehand(arguments: Mapping[str, Any]) -> str | None:
    """The device that a model is built on, where there is no other one; None if it must show."""
    torch = sys.modules.get("torch")
    accelerator = getattr(torch, "accelerator", None)
    if torch is None or accelerator is None or not _PLACING.isdisjoint(arguments):
        return None
    if accelerator.is_available() or torch.get_default_device().type != "cpu":
        return None
    return "cpu"


class Recording:
    """The record of one load: `device` is where the model will be, None if its end will tell.

    The block that it is for builds the model and gives it to `built`. The record is written
    meanwhile, so that a build that fails, or ends with the process, is on record as well.
    Where the block fails, so does the load; an error of the ledger is raised at the end of the
    block at the latest.
    """

    def __init__(
        self,
        cache: TrustedCache,
        entry: CacheEntry,
        *,
        library: str,
        class_name: str,
        device: str | None,
    ) -> None:
        self._cache = cache
        self._entry = entry
        self._library = library
        self._class_name = class_name
        self._device = device
        self._load = ""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="record")

    def __enter__(self) -> Recording:
        self._thread.start()
        return self

    def built(self, model: Any) -> None:
        """Record the device of what was built, where it is not on record."""
        device = str(getattr(model, "device", "cpu"))
        if device == self._device:
            return
        self._thread.join()
        if self._error is None:
            self._cache.record_device(self._load, device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            self._load = self._cache.record_load(
                self._entry,
                library=self._library,
                class_name=self._class_name,
                device=self._device,
            )
        except BaseException as error:
            self._error = error
