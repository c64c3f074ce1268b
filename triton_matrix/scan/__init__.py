"""A package's name to its answer: which Tritons its kernels work with, how that was learned, and what it declares.

package    a folder, a wheel, a source archive or a requirement -> sources in a folder of ours
capturing  its own tests or examples, run under a stand-in GPU within a budget
bounds     what compiles, what the linter says -> the range, each bound with its reason
told       the answer as text, JSON and a page

The verb is ``python -m triton_matrix scan``; docs/scan.md tells more.
"""
