"""``init``: what another package's repository needs to take the matrix, written from what its own files say."""
