"""Face crops of a dataset with fast random access, from plain files or from tar shards."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from unmask.datasets.manifests import CropRecord, DatasetError, read_manifest


@dataclass
class CropStore:
    """Bytes of the crops of one folder.

    A tar shard is walked once and only the place of each member is kept, so the store can be pickled and
    used by worker processes and threads: every read opens the file again and shares no position.
    """

    folder: Path
    places: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    def read(self, record: CropRecord) -> bytes:
        """Return the encoded image of a record.

        Parameters
        ----------
        record
            Of this folder.

        Raises
        ------
        DatasetError
            Where it is missing.
        """
        if not record.shard:
            return self._read(self.folder / record.file)
        place = self._index(record.shard).get(record.file)
        if place is None:
            raise DatasetError(f"{self.folder / record.shard}: holds no {record.file}")
        return self._read(self.folder / record.shard, *place)

    def _read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        try:
            with path.open("rb") as stream:
                stream.seek(offset)
                return stream.read(size)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error

    def _index(self, shard: str) -> dict[str, tuple[int, int]]:
        if shard not in self.places:
            try:
                with tarfile.open(self.folder / shard) as archive:
                    members = {m.name: (m.offset_data, m.size) for m in archive if m.isfile()}
            except (OSError, tarfile.TarError) as error:
                raise DatasetError(f"{self.folder / shard}: not a readable tar file ({error})") from error
            self.places[shard] = members
        return self.places[shard]


@dataclass(frozen=True)
class CropSet:
    """Face crops with their records; `crops.image(i)` belongs to `crops.records[i]`.

    A set that was selected or split from another shares its store.
    """

    store: CropStore
    records: tuple[CropRecord, ...]

    @classmethod
    def open(cls, folder: str | Path) -> CropSet:
        """Open a folder with `manifest.csv` and its crops.

        Crops are files named relative to the folder, or members of the tar shard that the column `shard`
        names; without that column the only `*.tar` of the folder is taken where the first file is missing.

        Parameters
        ----------
        folder
            With `manifest.csv`.

        Raises
        ------
        DatasetError
            When the manifest cannot be used, or the crops are missing.
        """
        folder = Path(folder)
        records = read_manifest(folder)
        if not any(record.shard for record in records) and not (folder / records[0].file).is_file():
            shards = sorted(folder.glob("*.tar"))
            if len(shards) != 1:
                raise DatasetError(f"{folder / records[0].file}: missing, and {len(shards)} tar files beside")
            records = [_in_shard(record, shards[0].name) for record in records]
        return cls(CropStore(folder), tuple(records))

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[CropRecord]:
        return iter(self.records)

    @property
    def labels(self) -> np.ndarray:
        """Labels (N,) int64: 0 real, 1 fake."""
        return np.array([record.label for record in self.records], np.int64)

    def image(self, index: int) -> np.ndarray:
        """Decode a crop to (H, W, 3) uint8 RGB.

        Parameters
        ----------
        index
            Of its record.

        Raises
        ------
        DatasetError
            Where it is missing or broken.
        """
        record = self.records[index]
        data = self.store.read(record)
        try:
            with Image.open(io.BytesIO(data)) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError) as error:
            raise DatasetError(f"{self.store.folder / record.file}: not a readable image") from error

    def subset(self, indexes: Sequence[int] | np.ndarray) -> CropSet:
        """Return some of the crops, in the given order.

        Parameters
        ----------
        indexes
            Of their records.
        """
        return CropSet(self.store, tuple(self.records[int(index)] for index in indexes))

    def select(
        self,
        *,
        split: str | None = None,
        label: int | Literal["real", "fake"] | None = None,
        method: str | None = None,
        files: Collection[str] | None = None,
        where: Callable[[CropRecord], bool] | None = None,
    ) -> CropSet:
        """Return the crops that meet every given condition, in their order.

        Parameters
        ----------
        split
            Of the records.
        label
            0 or real, 1 or fake.
        method
            Of manipulation.
        files
            Names of the records.
        where
            Asked for each record.

        Raises
        ------
        ValueError
            For another label.
        """
        if label not in (None, 0, 1, "real", "fake"):
            raise ValueError(f"label must be 'real' (0) or 'fake' (1), not {label!r}")
        wanted_label = {"real": 0, "fake": 1}[label] if isinstance(label, str) else label
        wanted_files = None if files is None else set(files)
        return CropSet(
            self.store,
            tuple(
                record
                for record in self.records
                if (split is None or record.split == split)
                and (wanted_label is None or record.label == wanted_label)
                and (method is None or record.method == method)
                and (wanted_files is None or record.file in wanted_files)
                and (where is None or where(record))
            ),
        )

    def hold_out(self, fraction: float, seed: int = 0) -> tuple[CropSet, CropSet]:
        """Split into (rest, held out) so that no group is on both sides.

        A group's side is drawn from a hash of its name and the seed, so it stays when rows are added or left out.

        Parameters
        ----------
        fraction
            Of the groups that are held out, about, in [0, 1].
        seed
            Of the draw.

        Raises
        ------
        ValueError
            For another fraction.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must lie in [0, 1], not {fraction}")
        held = [group_draw(record.group, seed) < fraction for record in self.records]
        parts = [[i for i, out in enumerate(held) if out is side] for side in (False, True)]
        return self.subset(parts[0]), self.subset(parts[1])


def _in_shard(record: CropRecord, shard: str) -> CropRecord:
    return CropRecord(**{**record.__dict__, "shard": shard})


def group_draw(name: str, seed: int = 0) -> float:
    """Return a group's draw in [0, 1): it is held out where that is below the share of those that are.

    Parameters
    ----------
    name
        Of the group.
    seed
        Of the draw.
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
