"""The parts of a Transformer (Vaswani et al. 2017) and of recurrent translators, each small enough to read.

Letters for axes: B batch rows, P positions, Q query positions, K key positions, H heads, D width of a head,
M d_model, F d_ff, V vocabulary.
"""
