"""Text of values between delimiters, or at fixed places: which records are rows."""
