"""The criteria that a certificate rests on: the integral form along curves, points, transpose, linearity, precision."""
