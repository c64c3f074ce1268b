"""A package's name to its answer: which Tritons its kernels work with, how that was learned, and what it declares.

package    a folder, a wheel, a source archive or a requirement -> sources in a folder of ours
interpreter  the Python that its files are read with and its kernels compiled in
capturing  its own tests or examples, run under a stand-in GPU within a budget
launched   each kernel with its launches: brought, captured or guessed
trial      each launch once on one release: other guesses, and what would help
beside     another package whose kernels this one's use
run        all steps, and the answer
of_cells   the package of a table where it lies, as part of plain nox
bounds     what compiles, what the linter says -> the range, each bound with its reason
told       the answer as text, JSON and a page

The verb is ``python -m triton_matrix scan``; docs/scan.md tells more.
"""
