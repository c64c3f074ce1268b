"""The matrix: does a package's Triton kernel still work, as fast and as well compiled, on every Triton its users run?

``python -m triton_matrix`` lists the verbs. The rooms, in the order that data takes:

    base          the table of cells, versions, files, commands: what every room needs
    evidence      every file under reports/: schemas, writing, reading
    environments  from a row of the table to an environment with its pins and the package's wheel
    suites        a cell's tests, the pytest plugin, incidents
    launches      what a launch is: its file, capture, and how its kernel is found and loaded
    codegen       one Triton: compile a launch, measure, compare
    values        one Triton: what a launch computes, in its interpreter, and how that compares
    bench         timing, of suites and of launches
    releases      many Tritons: atlas, history, bisect
    report        evidence -> verdict -> terminal, Markdown, page
    ci            the job list, the issue of the nightlies
    init          another package's noxfile, table and workflow
    scan          a package's name -> its kernels on every Triton, and the range
    lint          the static check of kernels, off the way

Importing this package imports neither torch nor triton.
"""

__version__ = "0.1.0"
