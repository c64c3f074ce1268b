"""Scan public packages, one after another, and say whose fault each failure is.

A failure is asked again by alone.py, a script that knows nothing of this project, beside a real torch. One that it does
not meet is ours.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from triton_matrix.base import pairs, tables, targets, versions
from triton_matrix.environments import stamped
from triton_matrix.evidence import scan_file
from triton_matrix.launches import import_names, launch_file, naming

PACKAGES = (
    *("adasplash", "amd-aiter", "attn-gym", "bitsandbytes", "conch-triton-kernels", "crossentropy-triton"),
    *(
        "disentangled-flash",
        "dsalt",
        "fla-core",
        "flag-gems",
        "flash-kmeans",
        "flash-sinkhorn",
        "flashnn",
        "hilbertsfc",
    ),
    *("jvp-flash-attention", "late-interaction-kernels", "liger-kernel", "mamba-ssm", "mase-triton", "memeff"),
    *("moe-ops", "sageattention", "torchao", "unsloth", "vllm", "xformers"),
)
ALONE = Path(__file__).with_name("alone.py")
BESIDE = ("numpy", "einops", "packaging", "setuptools")  # what kernels' modules import, beside torch
TARGET = "cuda:90"


@dataclass(frozen=True)
class Failure:
    """A kernel that fails on a release, as a scan says, and its launch as alone.py is asked it; None: it cannot be."""

    package: str
    kernel: str
    release: str
    how: str
    said: str
    asked: Optional[Mapping[str, Any]]


def main(argv: list[str]) -> int:
    """Exit status 0: no failure is ours. 1: one is, or a package has no answer."""
    parser = argparse.ArgumentParser(prog="python -m survey", description=main.__doc__)
    add = parser.add_argument
    add("packages", nargs="*", default=PACKAGES, metavar="NAME", help="NAME[==VERSION] (default: all of the list)")
    add("--folder", type=Path, default=Path("reports/survey"), help="where the scans go; one that is there is kept")
    add("--envs", type=Path, default=Path(".nox/codegen"), help="folder of the environments")
    add("--again", type=int, default=60, metavar="N", help="failures to ask again at most (default: 60)")
    add("--on", metavar="A,B,...", help="ask again only what fails on these releases (default: all)")
    add("--scan", default="", metavar="OPTIONS", help="further options of each scan, such as '--seconds 60'")
    options = parser.parse_args(argv)
    folder, envs = options.folder.resolve(), options.envs.resolve()
    found = {name: scanned(name, folder, envs, options.scan.split()) for name in options.packages}
    answered = {name: content for name, content in found.items() if content}
    asked = spread([each for name, content in answered.items() for each in failures(folder / plain(name), content)])
    on = options.on.split(",") if options.on else [each.release for each in asked]
    judged = judge([each for each in asked if each.release in on][: options.again], folder, envs)
    text = report(answered, judged)
    print(text)
    (folder / "survey.md").write_text(text, encoding="utf-8")
    ours = any(answer["status"] == "ok" for _, answer in judged)
    return 1 if ours or len(answered) < len(found) else 0


def plain(requirement: str) -> str:
    """``toys`` of ``toys==1.0``."""
    return requirement.partition("==")[0]


def scanned(requirement: str, folder: Path, envs: Path, more: Sequence[str]) -> dict[str, Any]:
    """What a scan of the package says; nothing where it has no answer."""
    out = folder / plain(requirement)
    if not (out / scan_file.NAME).is_file():
        command = [sys.executable, "-m", "triton_matrix", "scan", requirement, "--out", str(out), "--envs", str(envs)]
        subprocess.run([*command, *more], stdout=subprocess.DEVNULL, check=False)
    return scan_file.read(out / scan_file.NAME) if (out / scan_file.NAME).is_file() else {}


def failures(out: Path, content: Mapping[str, Any]) -> Iterator[Failure]:
    """Where a kernel of a scan fails for CUDA."""
    launches = {}
    for file in sorted(file for name in ("launches", "guessed") for file in (out / name).rglob("*.toml")):
        configuration = launch_file.expand(launch_file.read(file), [TARGET])[0]
        launches.setdefault(naming.kernel(configuration.kernel), configuration)
    for kernel in content["kernels"]:
        for release, status in kernel["status"].get("cuda", {}).items():
            if status == "fails" and any(each == "ok" for each in kernel["status"]["cuda"].values()):
                configuration = launches.get(kernel["kernel"])
                asked = configuration and question(out / "source", configuration)
                if asked:
                    asked["smallest"] = kernel["how"] == "guessed"
                said = kernel["reasons"]["cuda"].get(release, "")
                yield Failure(content["package"], kernel["kernel"], release, kernel["how"], said, asked or None)


def question(source: Path, configuration: Any) -> Optional[dict[str, Any]]:
    """A launch as alone.py takes it; None where it holds what has no plain type."""
    file, _, function = configuration.kernel.rpartition(":")
    root, module = import_names.import_name(Path(file))
    types: dict[str, str] = {}
    constants = dict(configuration.constexprs)
    for name, value in configuration.args.items():
        kind = of_argument(value)
        if kind is None:
            return None
        if kind == "constant":
            constants[name] = None if value == "None" else value
        else:
            types[name] = kind
    if "<locals>" in function or any(isinstance(value, dict) for value in constants.values()):
        return None
    capability = int(targets.parse(TARGET).name.partition(":")[2])
    roots = list(dict.fromkeys([str(root), str(source)]))
    about = {"roots": roots, "file": file, "module": module, "function": function, "capability": capability}
    numbers = {name: value for name, value in configuration.args.items() if isinstance(value, (int, float))}
    even = [name for name, value in numbers.items() if type(value) is int and value % 16 == 0]
    about.update(types=types, constants=constants, options=configuration.options, numbers=numbers)
    return {**about, "hints": [*configuration.hints, *even]}


def of_argument(value: Any) -> Optional[str]:
    """Triton's name of an argument's type, ``constant`` for what a launch makes one; None: it is not plain."""
    if value == "None" or (type(value) is int and value == 1):
        return "constant"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "i1"
    if isinstance(value, int):
        return "i32" if -(2**31) <= value < 2**31 else "i64"
    if isinstance(value, float) or (isinstance(value, dict) and "number" in value):
        return "fp32"
    return f"*{value['tensor']['dtype']}" if isinstance(value, dict) and "tensor" in value else None


def spread(found: Sequence[Failure]) -> list[Failure]:
    """Those that can be asked, of each package and release some before more of one."""
    counts: dict[tuple[str, str], int] = {}
    ranked = []
    for each in found:
        if each.asked:
            key = (each.package, each.release)
            counts[key] = counts.get(key, 0) + 1
            ranked.append((counts[key], each))
    return [each for _, each in sorted(ranked, key=lambda item: item[0])]


def judge(asked: Sequence[Failure], folder: Path, envs: Path) -> list[tuple[Failure, dict[str, str]]]:
    """What alone.py says of each, in an environment with that release and the torch that pins it."""
    judged = []
    for release in dict.fromkeys(each.release for each in asked):
        pair = next(pair for pair in pairs.known() if pair.triton == release)
        some = [each for each in asked if each.release == release]
        wanted = [f"torch=={pair.torch[0]}", f"triton=={release}", *pair.requires, *BESIDE]
        python = stamped.make(envs / f"alone-{release}", str(pair.python()), wanted)
        questions = folder / f"asked-{release}.json"
        questions.write_text(json.dumps([each.asked for each in some]), encoding="utf-8")
        command = [str(python), "-I", str(ALONE), str(questions)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        judged += list(zip(some, json.loads(done.stdout)))
    return judged


def report(answered: Mapping[str, Mapping[str, Any]], judged: Sequence[tuple[Failure, Mapping[str, str]]]) -> str:
    """The survey as Markdown."""
    asked = {release for content in answered.values() for release in content["releases"]}
    releases = sorted(asked, key=versions.key)
    rows: list[list[Any]] = []
    for content in answered.values():
        kernels = content["kernels"]
        counts = [sum(each["how"] == how for each in kernels) for how in ("captured", "guessed", "not reached")]
        compiled = [sum(each["status"].get("cuda", {}).get(of) == "ok" for each in kernels) for of in releases]
        shown = [n if of in content["releases"] else "-" for of, n in zip(releases, compiled)]
        name = f"{content['package']} {content['version']}"
        rows.append([name, round(content["seconds"]), len(kernels), *counts, *shown, *map(code, ranges(content))])
    numbers = range(1, 6 + len(releases))
    total = ["all", *(sum(row[at] for row in rows if row[at] != "-") for at in numbers), "", "", ""]
    headings = ["package", "s", "kernels", "captured", "guessed", "not reached", *releases, "CUDA", "HIP", "declared"]
    parts = [
        f"{total[2]} kernels of {len(rows)} packages, {total[3] + total[4]} of them reached, {TARGET}, "
        f"{datetime.date.today().isoformat()}: how many compile per release, and the range.\n",
        tables.render(headings, [*rows, total], markdown=True),
    ]
    by_status = {
        status: [each for each in judged if each[1]["status"] == status] for status in ("fails", "ok", "unknown")
    }
    parts.append(
        f"\n{len(judged)} failures were asked again without this project: {len(by_status['fails'])} fail there too,"
        f" {len(by_status['ok'])} do not, and {len(by_status['unknown'])} could not be asked.\n"
    )
    shown = [
        [
            each.package,
            each.kernel.rpartition(":")[2],
            each.how,
            each.release,
            each.said[:100],
            answer["status"],
            answer["said"][:100],
        ]
        for each, answer in judged
    ]
    named = ["package", "kernel", "how", "triton", "as the scan says", "alone", "as Triton says"]
    parts.append(tables.render(named, shown, markdown=True, labels=len(named)))
    return "\n".join(parts) + "\n"


def ranges(content: Mapping[str, Any]) -> list[str]:
    """The range of each backend, none where nothing bounds it and ? where nothing compiled; and what is declared."""
    found = {}
    for each in content["ranges"]:
        known = any("ok" in kernel["status"].get(each["backend"], {}).values() for kernel in content["kernels"])
        found[each["backend"]] = each["specifier"] or ("none" if known else "?")
    return [found.get("cuda", ""), found.get("hip", ""), content["declared"]]


def code(text: str) -> str:
    """Text as Markdown shows it as it is."""
    return f"`{text}`" if any(letter in text for letter in "<>=!") else text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
