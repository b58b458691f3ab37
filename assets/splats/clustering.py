"""Few values for many: codebooks of single numbers, and palettes of whole rows, for formats that store indices.

Both are k-means (Lloyd 1982). A codebook is searched over sorted values with running sums, so that a round costs as
much as it has entries, not values. A palette of tens of thousands of rows is searched in cells: a few hundred of them,
each with its share of the palette, and a row looks for its entry in the eight cells nearest to it. For a million rows
of 45 numbers and 65 536 entries that is a thirtieth of the work of comparing all with all, and the squared error of
real coefficients is within 0.1 % of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..progress import Job, Progress

if TYPE_CHECKING:
    import torch

_KNOTS = 4096
_CODEBOOK_ROUNDS = 300
_CODEBOOK_MOVES = 60
_CELL_SAMPLES, _CELL_ROUNDS = 65536, 8
_PROBES = (1, 2, 4, 8)
"""In how many cells a row looks for its entry, round by round; the last number goes on."""
_ROWS = 16384
_HASHED_ROWS = 4096
_BLOCK_ELEMENTS = 1 << 20
"""Distances that are held at a time: 4 MiB."""


def codebook(values: np.ndarray, size: int = 256, weights: np.ndarray | None = None) -> np.ndarray:
    """`size` ascending numbers f32 for `values` (N,) f32, with the least squared error (weighted by `weights` (N,)).

    Where there are no more distinct values than `size` they are those, the last one repeated. Starts where a
    companding quantiser has its entries, whose density is the cube root of the values' (Panter & Dite 1951); then
    neighbours that cost little together make room where an entry more gains most.
    """
    values = np.ravel(values)
    order = np.argsort(values, kind="stable") if weights is not None else None
    ordered = np.sort(values) if order is None else values[order]
    distinct = _few_distinct(ordered, size)
    if distinct is not None:
        return np.pad(distinct, (0, size - len(distinct)), mode="edge")
    line = _Line(ordered, np.ones(len(values)) if order is None else np.ravel(weights)[order])
    best = line.settled(_companded(ordered, line.moments[0], size))
    least = line.cost(best)
    for _ in range(_CODEBOOK_MOVES):
        entries = line.settled(line.rearranged(best))
        cost = line.cost(entries)
        if cost >= least * (1 - 1e-6):
            break
        best, least = entries, cost
    return best.astype(np.float32)


class _Line:
    """Ascending values (N,) and their weights, summed up: how many, their sum, the sum of their squares up to each, so
    that mean and error of any stretch are two differences."""

    def __init__(self, ordered: np.ndarray, weights: np.ndarray) -> None:
        self.ordered = ordered
        self.middle = float(ordered[len(ordered) // 2])
        centered = ordered.astype(np.float64) - self.middle
        terms = (weights, weights * centered, weights * centered**2)
        self.moments = np.stack([np.concatenate([[0.0], np.cumsum(term)]) for term in terms])

    def ends(self, entries: np.ndarray) -> np.ndarray:
        """Where the stretch of each entry begins, and the end: (P+1,)."""
        inner = np.searchsorted(self.ordered, ((entries[1:] + entries[:-1]) / 2).astype(self.ordered.dtype))
        return np.concatenate([[0], inner, [len(self.ordered)]])

    def settled(self, entries: np.ndarray) -> np.ndarray:
        """Ascending entries after Lloyd's rounds."""
        span = float(self.ordered[-1]) - float(self.ordered[0])
        for _ in range(_CODEBOOK_ROUNDS):
            counts, sums, _ = np.diff(self.moments[:, self.ends(entries)])
            moved = np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0) + self.middle, entries)
            still = np.abs(moved - entries).max() <= 1e-7 * span
            entries = np.sort(moved)
            if still:
                break
        return entries

    def errors(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The squared error of stretches around their means."""
        counts, sums, squares = self.moments[:, ends] - self.moments[:, starts]
        return np.maximum(squares - sums**2 / np.where(counts > 0, counts, 1.0), 0.0)

    def cost(self, entries: np.ndarray) -> float:
        """The squared error of all values."""
        ends = self.ends(entries)
        return float(self.errors(ends[:-1], ends[1:]).sum())

    def rearranged(self, entries: np.ndarray) -> np.ndarray:
        """As many entries, with neighbours made one where that costs less than an entry more gains elsewhere."""
        ends = self.ends(entries)
        alone = self.errors(ends[:-1], ends[1:])
        joining = self.errors(ends[:-2], ends[2:]) - alone[:-1] - alone[1:]
        cuts = np.clip(np.searchsorted(self.ordered, entries.astype(self.ordered.dtype)), ends[:-1], ends[1:])
        parting = alone - self.errors(ends[:-1], cuts) - self.errors(cuts, ends[1:])
        out, touched, pairs = list(entries), set(), np.argsort(joining)
        for pair, cell in zip(pairs[: len(entries) // 4], np.argsort(-parting)):
            if joining[pair] >= 0.5 * parting[cell] or touched & {pair, pair + 1, cell}:
                continue
            touched |= {pair, pair + 1, cell}
            out[pair] = out[pair + 1] = (entries[pair] + entries[pair + 1]) / 2
            # The second of the pair is free, and goes beside the one that is parted.
            out[pair + 1] = self._half(cuts[cell], ends[cell + 1], entries[cell])
            out[cell] = self._half(ends[cell], cuts[cell], entries[cell])
        return np.sort(out)

    def _half(self, start: int, end: int, otherwise: float) -> float:
        """The mean of a stretch."""
        count, total, _ = self.moments[:, end] - self.moments[:, start]
        return total / count + self.middle if count > 0 else otherwise


def _few_distinct(ordered: np.ndarray, size: int) -> np.ndarray | None:
    """The distinct values of ascending ones, where there are at most `size`."""
    fresh = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return ordered[np.concatenate([[0], fresh])].astype(np.float32) if len(fresh) < size else None


def _companded(ordered: np.ndarray, mass: np.ndarray, size: int) -> np.ndarray:
    """`size` numbers f64 spread over ascending values with the cube root of their density. mass (N+1,): how much they
    weigh up to each."""
    places = np.searchsorted(mass[1:], np.linspace(0, mass[-1], _KNOTS)).clip(0, len(ordered) - 1)
    knots = np.concatenate([ordered[:1], ordered[places], ordered[-1:]]).astype(np.float64)
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
    yield Progress(0, rounds + 1, "Building the palette")
    exact = distinct_rows(rows, size)
    if exact is not None:
        return rows[exact[0]]
    yield Progress(0.1, rounds + 1, "Building the palette")
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        search = _CellSearch(torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(device), size)
        yield Progress(0.5, rounds + 1, "Building the palette")
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
        return search.label.cpu().numpy()


def distinct_rows(rows: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Where each distinct row of `rows` (N,D) f32 stands first, and which of them every row is; None where there are
    more than `most`."""
    words = np.ascontiguousarray(rows, np.float32).view(np.uint32).reshape(len(rows), -1)
    factors = np.random.default_rng(0).integers(1, 1 << 63, words.shape[1], np.uint64) | np.uint64(1)
    marks = np.zeros(len(rows), np.uint64)
    for start in range(0, len(rows), _HASHED_ROWS):
        part = marks[start : start + _HASHED_ROWS]
        for column, factor in zip(words[start : start + _HASHED_ROWS].T, factors):
            part ^= column
            part *= factor
            part ^= part >> np.uint64(29)
    _, first, which = np.unique(marks, return_index=True, return_inverse=True)
    # Two different rows share a mark once in 2⁶⁴.
    if len(first) > most or not np.array_equal(words[first[which]], words):
        return None
    return first, which


class _CellSearch:
    """k-means of many entries in cells, each row looking into the few cells whose centres are nearest to it. `data`
    (N,D) f32 on the device that computes; `label` (N,) and `error` (N,): the entry of each row and how far it is,
    squared.

    Rank by rank the rows are taken cell by cell, so that one matrix product finds the distances of all rows of a cell.
    """

    def __init__(self, data: torch.Tensor, size: int) -> None:
        import torch

        self.data, self.size = data, size
        self.random = torch.Generator().manual_seed(0)
        self.centers = self._coarse(max(1, min(round(size**0.5), len(data))))
        most = min(_PROBES[-1], len(self.centers))
        near = [_distances(block, self.centers).topk(most, largest=False).indices for block in data.split(_ROWS)]
        self.near = torch.cat(near).T.to(torch.int32).contiguous()
        self._sorted: dict[int, tuple[torch.Tensor, list[int]]] = {}

    def _coarse(self, cells: int) -> torch.Tensor:
        """Centres (cells,D): k-means of a sample."""
        import torch

        picked = torch.randperm(len(self.data), generator=self.random)[:_CELL_SAMPLES].to(self.data.device)
        sample = self.data[picked]
        centers = sample[:cells].clone()
        for _ in range(_CELL_ROUNDS):
            label, _ = _nearest(sample, centers)
            centers, counts = _means(sample, label, centers)
            empty = torch.nonzero(counts == 0)[:, 0]
            again = torch.randint(len(sample), (len(empty),), generator=self.random).to(self.data.device)
            centers[empty] = sample[again]
        return centers

    def _cells(self, rank: int) -> list[torch.Tensor]:
        """The rows whose nearest cell but `rank` is the first, the second … cell."""
        import torch

        if rank not in self._sorted:
            cell = self.near[rank]
            sizes = torch.bincount(cell, minlength=len(self.centers)).tolist()
            self._sorted[rank] = torch.argsort(cell, stable=True).to(torch.int32), sizes
        order, sizes = self._sorted[rank]
        return order.split(sizes)

    def spread(self) -> None:
        """The first entries: rows drawn from each cell, more where there are more and where they differ more.

        An entry serves best where k ∝ (squared error of the cell)^(d/(d+2)) (Zador 1982) for d true dimensions; rows of
        spherical harmonics have about ten.
        """
        import torch

        cells = self._cells(0)
        errors = [(self.data[rows] - center).square().sum().item() for rows, center in zip(cells, self.centers)]
        sizes = np.array([len(rows) for rows in cells])
        share = np.power(errors, 10 / 12)
        wanted = share / max(share.sum(), 1e-30) * self.size
        counts = np.minimum(np.maximum(np.floor(wanted), 1), sizes).astype(int)
        # What rounding and small cells left over goes where most is missing.
        while (left := self.size - counts.sum()) > 0 and (counts < sizes).any():
            most = np.argsort(np.where(counts < sizes, counts - wanted, np.inf))[:left]
            counts[most] += counts[most] < sizes[most]
        drawn = []
        for count, rows in zip(counts.tolist(), cells):
            drawn.append(rows[torch.randperm(len(rows), generator=self.random)[:count].to(rows.device)])
        self.take(self.data[torch.cat(drawn)[: self.size]])

    def take(self, entries: torch.Tensor) -> None:
        """Goes on with these entries (P,D), each in the cell whose centre is nearest."""
        import torch

        self.entries = entries
        cell, _ = _nearest(entries, self.centers)
        held = torch.bincount(cell, minlength=len(self.centers)).tolist()
        self.members = torch.argsort(cell, stable=True).split(held)

    def assign(self, probes: int) -> Job[None]:
        """Finds the entry of every row in the `probes` cells nearest to it. Yields its share."""
        import torch

        device, probes = self.data.device, min(probes, len(self.near))
        self.label = torch.zeros(len(self.data), dtype=torch.int64, device=device)
        self.error = torch.full((len(self.data),), torch.inf, device=device)
        for rank in range(probes):
            done = 0
            for rows, members in zip(self._cells(rank), self.members):
                done += len(rows)
                if len(members) and len(rows):
                    for part in rows.split(max(1, _BLOCK_ELEMENTS // len(members))):
                        self._compare(part, members)
                    yield (rank + done / len(self.data)) / probes
        # Rows around which no cell has entries.
        for part in torch.nonzero(self.error == torch.inf)[:, 0].split(max(1, _BLOCK_ELEMENTS // len(self.entries))):
            self.label[part], self.error[part] = _nearest(self.data[part], self.entries)

    def _compare(self, rows: torch.Tensor, members: torch.Tensor) -> None:
        """Lets rows take one of these entries where it is nearer than what they have."""
        label, error = _nearest(self.data[rows], self.entries[members])
        nearer = error < self.error[rows]
        rows = rows[nearer]
        self.error[rows], self.label[rows] = error[nearer], members[label[nearer]]

    def improve(self, probes: int) -> Job[None]:
        """One round: assigns the rows and moves the entries to their means; those without rows go where the error is
        largest. Yields its share."""
        import torch

        yield from self.assign(probes)
        entries, counts = _means(self.data, self.label, self.entries)
        empty = torch.nonzero(counts == 0)[:, 0]
        entries[empty] = self.data[torch.topk(self.error, len(empty)).indices]
        self.take(entries)


def _distances(rows: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
    """Squared distances (n,m), less the squared length of the row."""
    import torch

    return torch.addmm(entries.square().sum(1), rows, entries.T, alpha=-2)


def _nearest(rows: torch.Tensor, entries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The index of the entry nearest to each row, and its squared distance."""
    least, label = _distances(rows, entries).min(1)
    return label, least + rows.square().sum(1)


def _means(rows: torch.Tensor, label: torch.Tensor, entries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of the rows of each entry (the entry itself where it has none), and how many there are."""
    import torch

    counts = torch.bincount(label, minlength=len(entries))
    sums = torch.zeros_like(entries).index_add_(0, label, rows)
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], entries), counts
