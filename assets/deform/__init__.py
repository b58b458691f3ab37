"""The deformation that a drag makes: one engine for every kind of asset.

A drag (drag.py) says what is pulled where. The matter of an asset (matter.py) is sampled by the nodes of a graph
(graph.py), linked only through matter; a solver (solver.py) moves the nodes as rigidly as possible. What follows the
nodes, vertices or splats or the cells of a field, is bound to several of them each (binding.py). A rig (rig.py) is all
that can be prepared before the hand moves; a warp (warp.py) is what an asset wears: a rig, a drag and where it leads.
"""
