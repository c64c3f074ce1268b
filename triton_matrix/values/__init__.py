"""What a launch computes: in one Triton's interpreter, its executor repaired, and compared between releases.

``compute`` runs launches in many releases, a child process each; ``changes`` says how a launch's values differ between
a release and the one before it. A child needs Python 3.9, numpy and Triton; torch is not needed, and here not even
numpy.
"""

from .computing import changes, code_digest, compute
from .outcomes import Change, Difference, Outcome

__all__ = ["Change", "Difference", "Outcome", "changes", "code_digest", "compute"]
