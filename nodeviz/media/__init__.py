"""Encoders of pictures and animations. They know arrays and files, and nothing of Qt."""
