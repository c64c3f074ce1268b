"""A disk that is full, for this process: what it writes fails with an error that names no file."""

import contextlib
import resource
import signal


@contextlib.contextmanager
def full_disk(n_bytes=100):
    """Let no file that this process writes grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
