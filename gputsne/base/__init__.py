"""What every room may use: types, errors, arrays, threads, files. Imports nothing of ours."""
