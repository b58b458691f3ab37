"""Charts of a surface and the texels on them: nothing is lost, nothing lies twice, every texel knows its place."""

from __future__ import annotations

import numpy as np
import trimesh

from assets.meshes.unwrap import PIECE, REACH, spread, texels, unwrap

SIZE = 256


def test_a_ball_is_laid_out_flat() -> None:
    ball = trimesh.creation.icosphere(4)
    vertices, faces = np.asarray(ball.vertices), np.asarray(ball.faces)
    assert len(faces) > 2 * PIECE
    flat = unwrap(vertices, faces, vertices, SIZE)
    assert (flat.source[flat.faces] == faces).all()
    assert flat.uv.min() >= 0 and flat.uv.max() <= 1
    corners = flat.uv[flat.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    assert 0.4 < areas.sum() < 1
    # No chart is much larger or smaller than it is on the ball.
    shares = areas / areas.sum() / (ball.area_faces / ball.area)
    assert np.quantile(shares, 0.02) > 0.5 and np.quantile(shares, 0.98) < 2

    found = texels(flat.uv, flat.faces, SIZE)
    assert len(np.unique(found.row * SIZE + found.column)) == len(found.row)
    here = np.stack([found.column + 0.5, SIZE - 0.5 - found.row], 1) / SIZE
    there = np.einsum("tk,tkc->tc", found.weights, flat.uv[flat.faces[found.face]])
    away = np.linalg.norm(here - there, axis=1) * SIZE
    assert away.max() < 2.5 * REACH and np.median(away) < 1e-3
    places = np.einsum("tk,tkc->tc", found.weights, vertices[flat.source[flat.faces[found.face]]])
    assert np.linalg.norm(places, axis=1).min() > 0.99


def test_texels_of_one_triangle() -> None:
    """Half of a texture of 4 × 4: the texels in it, on its long side, and one around it."""
    uv, faces = np.float32([[0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]])
    found = texels(uv, faces, 4)
    inside = {(row, column) for row in range(4) for column in range(4) if column <= row}
    covered = set(zip(found.row.tolist(), found.column.tolist(), strict=True))
    assert inside <= covered
    corner = (found.row == 3) & (found.column == 0)
    np.testing.assert_allclose(found.weights[corner][0], [0.75, 0.125, 0.125], atol=1e-6)


def test_gaps_take_the_nearest_colour() -> None:
    image = np.zeros((3, 5, 1))
    image[:, 0], image[:, 4] = 1.0, 2.0
    known = np.zeros((3, 5), bool)
    known[:, [0, 4]] = True
    assert spread(image, known)[1, :, 0].tolist()[:2] == [1.0, 1.0]
    assert spread(image, known)[1, :, 0].tolist()[3:] == [2.0, 2.0]
    assert spread(image, np.zeros_like(known)) is image
