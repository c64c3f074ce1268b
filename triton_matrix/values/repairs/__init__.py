"""What interpreters compute otherwise than a GPU, and how it is mended: the rows, first come first asked."""

from .casts import Casts
from .floats import Bfloat16, Comparisons, NaN
from .functions import Dot, Functions
from .generation2 import Generation2
from .integers import Bits, Constants, Integers
from .language import Arguments, Descriptors, Names
from .libdevice import Libdevice
from .memory import Accesses, Atomics
from .reductions import Elementwise, Reductions
from .statements import Assignments, Loops, Statements

REPAIRS = (
    Names,
    Statements,
    Arguments,
    Descriptors,
    Assignments,
    Loops,
    Accesses,
    Atomics,
    Casts,
    Bfloat16,
    Comparisons,
    Bits,
    NaN,
    Functions,
    Integers,
    Constants,
    Dot,
    Reductions,
    Elementwise,
    Libdevice,
    Generation2,
)

__all__ = ["REPAIRS"]
