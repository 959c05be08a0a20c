"""The parts of a Transformer, each small enough to read beside the paper (Vaswani et al. 2017).

Letters for axes: B batch rows, P positions, Q query positions, K key positions, H heads, D width of a head,
M d_model, F d_ff, V vocabulary.
"""
