"""The ids that every vocabulary begins with: four special tokens, then the 256 bytes."""

PAD, UNKNOWN, BOS, EOS = 0, 1, 2, 3
"""The special ids: padding, unknown (never produced, since bytes spell what is rare), start, end."""

FIRST_BYTE = 4
"""Id of byte 0; byte b has the id FIRST_BYTE + b."""

FIRST_PIECE = FIRST_BYTE + 256
"""Id of the first token that was learnt."""

LEADING_PIECES = ("<pad>", "<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)))
"""How the tokens before FIRST_PIECE are written for people."""

SPACE_MARK = "\u2581"
"""Stands for a space in a piece (SentencePiece's sign); in a line it is a character like any other."""
