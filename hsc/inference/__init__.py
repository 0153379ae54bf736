"""Decoding without PyTorch: exact networks in numpy, and everything behind them as graphs for an inference runtime."""
