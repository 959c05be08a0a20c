"""The race: RNN, GRU, LSTM and Transformer on the same data, under one budget."""
