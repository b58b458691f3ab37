"""Few values for many: codebooks of single numbers, and palettes of whole rows, for formats that store indices.

Both are k-means (Lloyd 1982). A codebook is searched over sorted values with running sums, so that a round costs as
much as it has entries, not values. A palette of tens of thousands of rows is searched in cells: a few hundred of them,
each with its share of the palette, and a row looks for its entry in the cells around its own alone. For a million rows
of 45 numbers and 65 536 entries that is under a tenth of the work of comparing all with all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..progress import Job, Progress

if TYPE_CHECKING:
    import torch

_KNOTS = 4096
_CODEBOOK_ROUNDS = 300
_CELL_SAMPLES, _CELL_ROUNDS = 65536, 8
_PROBES = (1, 2, 4, 8)
"""In how many cells a row looks for its entry, round by round; the last number goes on."""
_BLOCK_ELEMENTS = 1 << 21
"""Distances that are held at a time: 8 MiB."""


def codebook(values: np.ndarray, size: int = 256, weights: np.ndarray | None = None) -> np.ndarray:
    """`size` ascending numbers f32 for `values` (N,) f32, with the least squared error (weighted by `weights` (N,)).

    Where there are no more distinct values than `size` they are those, the last one repeated. Starts where a
    companding quantiser has its entries, whose density is the cube root of the values' (Panter & Dite 1951).
    """
    values = np.ravel(values)
    if weights is None:
        ordered, mass = np.sort(values), np.arange(len(values) + 1, dtype=np.float64)
    else:
        order = np.argsort(values, kind="stable")
        ordered, mass = values[order], np.concatenate([[0.0], np.cumsum(np.ravel(weights)[order], dtype=np.float64)])
    distinct = _few_distinct(ordered, size)
    if distinct is not None:
        return np.pad(distinct, (0, size - len(distinct)), mode="edge")
    steps = np.diff(mass)
    first_moment = np.concatenate([[0.0], np.cumsum(ordered * steps, dtype=np.float64)])
    entries = _companded(ordered, size)
    for _ in range(_CODEBOOK_ROUNDS):
        ends = np.concatenate([[0], np.searchsorted(ordered, (entries[1:] + entries[:-1]) / 2), [len(ordered)]])
        counts, sums = np.diff(mass[ends]), np.diff(first_moment[ends])
        moved = np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), entries)
        still = np.abs(moved - entries).max() <= 1e-7 * (ordered[-1] - ordered[0])
        entries = moved
        if still:
            break
    return np.sort(entries).astype(np.float32)


def _few_distinct(ordered: np.ndarray, size: int) -> np.ndarray | None:
    """The distinct values of ascending ones, where there are at most `size`."""
    fresh = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return ordered[np.concatenate([[0], fresh])].astype(np.float32) if len(fresh) < size else None


def _companded(ordered: np.ndarray, size: int) -> np.ndarray:
    """`size` numbers f64 spread over ascending values with the cube root of their density."""
    knots = ordered[np.linspace(0, len(ordered) - 1, min(_KNOTS, len(ordered))).astype(np.int64)].astype(np.float64)
    # Between neighbouring knots lies the same share of values: density ∝ 1 / gap, and ∛density · gap = gap^⅔.
    rising = np.concatenate([[0.0], np.cumsum(np.diff(knots) ** (2 / 3))])
    return np.interp((np.arange(size) + 0.5) / size * rising[-1], rising, knots)


def nearest_entries(entries: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The index u8 of the entry nearest to each of `values`, in their shape. `entries` (≤ 256,) ascend."""
    middles = (entries[1:].astype(np.float64) + entries[:-1]) / 2
    return np.searchsorted(middles.astype(np.float32), values).astype(np.uint8)


def palette(rows: np.ndarray, size: int, rounds: int = 6) -> Job[np.ndarray]:
    """A job that returns `size` rows (or fewer, where there are fewer distinct ones) for `rows` (N,D) f32: (P,D) f32.

    Runs on the CUDA device where there is one. The same rows give the same palette on the same machine.
    """
    exact = distinct_rows(rows, size)
    if exact is not None:
        yield Progress(1, 1, "Building the palette")
        return rows[exact[0]]
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        search = _CellSearch(torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(device), size)
        yield Progress(0, rounds + 1, "Building the palette")
        search.spread()
        for number in range(rounds):
            text = f"Building the palette, round {number + 1} of {rounds}"
            for share in search.improve(_PROBES[min(number, len(_PROBES) - 1)]):
                yield Progress(1 + number + share, rounds + 1, text)
        return search.entries.cpu().numpy()


def nearest_rows(rows: np.ndarray, entries: np.ndarray) -> Job[np.ndarray]:
    """A job that returns the index i64 (N,) of the row of `entries` (P,D) that stands for each of `rows` (N,D)."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        data = torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(device)
        search = _CellSearch(data, len(entries))
        yield Progress(0, 1, "Assigning the palette")
        search.take(torch.from_numpy(np.ascontiguousarray(entries, np.float32)).to(device))
        for share in search.assign(_PROBES[-1]):
            yield Progress(share, 1, "Assigning the palette")
        return search.labels().cpu().numpy()


def distinct_rows(rows: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Where each distinct row of `rows` (N,D) f32 stands first, and which of them every row is; None where there are
    more than `most`."""
    words = np.ascontiguousarray(rows, np.float32).view(np.uint32).reshape(len(rows), -1)
    factors = np.random.default_rng(0).integers(1, 1 << 63, words.shape[1], np.uint64) | np.uint64(1)
    marks = np.zeros(len(rows), np.uint64)
    for column, factor in zip(words.T, factors):
        marks = (marks ^ column) * factor
        marks ^= marks >> np.uint64(29)
    _, first, which = np.unique(marks, return_index=True, return_inverse=True)
    # Two different rows share a mark once in 2⁶⁴.
    if len(first) > most or not np.array_equal(words[first[which]], words):
        return None
    return first, which


class _CellSearch:
    """k-means of many entries in cells. `data` (N,D) f32 on the device that computes.

    Rows are kept sorted by their cell, so that those of a cell are one block and a matrix product finds the distances
    to the entries of all cells around it.
    """

    def __init__(self, data: torch.Tensor, size: int) -> None:
        import torch

        self.size = size
        self.random = torch.Generator().manual_seed(0)
        cells = max(1, min(round(size**0.5), len(data)))
        self.centers = self._coarse(data, cells)
        cell = torch.cat([_nearest(block, self.centers)[0] for block in data.split(65536)])
        self.order = torch.argsort(cell, stable=True)
        self.data = data[self.order]
        self.ends = torch.bincount(cell, minlength=cells).cumsum(0).tolist()
        near = torch.cdist(self.centers, self.centers)
        self.around = torch.argsort(near, 1)

    def _coarse(self, data: torch.Tensor, cells: int) -> torch.Tensor:
        """Centres (cells,D): k-means of a sample."""
        import torch

        picked = torch.randperm(len(data), generator=self.random)[:_CELL_SAMPLES].to(data.device)
        sample = data[picked]
        centers = sample[:cells].clone()
        for _ in range(_CELL_ROUNDS):
            label, _ = _nearest(sample, centers)
            centers, counts = _means(sample, label, centers)
            empty = torch.nonzero(counts == 0)[:, 0]
            again = torch.randint(len(sample), (len(empty),), generator=self.random).to(data.device)
            centers[empty] = sample[again]
        return centers

    def _blocks(self) -> list[slice]:
        return [slice(start, end) for start, end in zip([0, *self.ends[:-1]], self.ends)]

    def spread(self) -> None:
        """The first entries: rows drawn from each cell, more where there are more and where they differ more.

        An entry serves best where k ∝ (squared error of the cell)^(d/(d+2)) (Zador 1982) for d true dimensions; rows of
        spherical harmonics have about ten.
        """
        import torch

        errors = [(self.data[rows] - self.centers[cell]).square().sum().item() for cell, rows in self._numbered()]
        sizes = [rows.stop - rows.start for rows in self._blocks()]
        share = np.power(errors, 10 / 12)
        wanted = share / max(share.sum(), 1e-30) * self.size
        counts = np.minimum(np.maximum(np.floor(wanted), 1), sizes).astype(int)
        # What rounding and small cells left over goes where most is missing.
        while (left := self.size - counts.sum()) > 0 and (counts < sizes).any():
            most = np.argsort(np.where(counts < sizes, counts - wanted, np.inf))[:left]
            counts[most] += counts[most] < np.array(sizes)[most]
        picked = []
        for count, rows in zip(counts, self._blocks()):
            drawn = torch.randperm(rows.stop - rows.start, generator=self.random)[:count]
            picked.append(drawn.to(self.data.device) + rows.start)
        self.take(self.data[torch.cat(picked)[: self.size]])

    def _numbered(self) -> enumerate[slice]:
        return enumerate(self._blocks())

    def take(self, entries: torch.Tensor) -> None:
        """Goes on with these entries (P,D)."""
        self.entries = entries
        self.cell_of_entry, _ = _nearest(entries, self.centers)

    def assign(self, probes: int) -> Job[None]:
        """Finds the entry of every row in the `probes` cells around its own that have entries. Yields its share."""
        import torch

        self.label = torch.empty(len(self.data), dtype=torch.int64, device=self.data.device)
        self.error = torch.empty(len(self.data), device=self.data.device)
        by_cell = torch.argsort(self.cell_of_entry, stable=True)
        held = torch.bincount(self.cell_of_entry, minlength=len(self.centers))
        lists = by_cell.split(held.tolist())
        filled = (held > 0).tolist()
        for cell, rows in self._numbered():
            around = [other for other in self.around[cell].tolist() if filled[other]][:probes]
            candidates = torch.cat([lists[other] for other in around])
            step = max(1, _BLOCK_ELEMENTS // len(candidates))
            for start in range(rows.start, rows.stop, step):
                part = slice(start, min(start + step, rows.stop))
                label, self.error[part] = _nearest(self.data[part], self.entries[candidates])
                self.label[part] = candidates[label]
            yield rows.stop / len(self.data)

    def improve(self, probes: int) -> Job[None]:
        """One round: assigns the rows and moves the entries to their means; those without rows go where the error is
        largest. Yields its share."""
        import torch

        yield from self.assign(probes)
        entries, counts = _means(self.data, self.label, self.entries)
        empty = torch.nonzero(counts == 0)[:, 0]
        worst = torch.topk(self.error, len(empty)).indices
        entries[empty] = self.data[worst]
        self.take(entries)

    def labels(self) -> torch.Tensor:
        """The entry of every row, in the order of the rows that were given."""
        import torch

        out = torch.empty_like(self.label)
        out[self.order] = self.label
        return out


def _nearest(rows: torch.Tensor, entries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The index of the entry nearest to each row, and its squared distance."""
    import torch

    products = torch.addmm(entries.square().sum(1), rows, entries.T, alpha=-2)
    least, label = products.min(1)
    return label, least + rows.square().sum(1)


def _means(rows: torch.Tensor, label: torch.Tensor, entries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of the rows of each entry (the entry itself where it has none), and how many there are."""
    import torch

    counts = torch.bincount(label, minlength=len(entries))
    sums = torch.zeros_like(entries).index_add_(0, label, rows)
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], entries), counts
