"""The command `triton-alloy`, also `python -m triton_alloy`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from triton_alloy.errors import AlloyError
from triton_alloy.tools import doctor, info
from triton_alloy.tools.bench import SECTIONS, bench


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 where a result was wrong or a target missed, 2 on bad input."""
    options = _parser().parse_args(arguments)
    picture = getattr(options, "svg", None)
    console = Console(record=bool(picture))
    try:
        status = options.run(console, options)
    except AlloyError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    if picture:
        console.save_svg(str(picture), title=f"triton-alloy {options.command}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="triton-alloy", description="Triton kernels as Metal text, on GPU and CPU.")
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")

    demo = commands.add_parser("demo", help="run the example kernels and compare them with NumPy")
    demo.add_argument("--show", metavar="NAME", help="print the Metal text of one example instead")
    demo.set_defaults(run=_demo)

    measure = commands.add_parser("bench", help="measure what the README claims (needs PyTorch)")
    measure.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="some sections only")
    measure.add_argument("--seconds", type=float, default=3.0, help="time for each comparison (default 3)")
    measure.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    for command in (demo, measure):
        command.add_argument("--svg", type=Path, metavar="FILE", help="write the table as a picture too")
    measure.set_defaults(run=_bench)

    about = commands.add_parser("info", help="show the machine, its frameworks, and which runtime takes which arrays")
    about.set_defaults(run=lambda console, options: info.info(console))

    check = commands.add_parser("doctor", help="run kernels on every runtime: what works, what does not, what to do")
    check.set_defaults(run=lambda console, options: doctor.doctor(console))

    install = commands.add_parser("setup", help="put Triton's Python files here, where Triton has no wheel (macOS)")
    install.add_argument("--wheel", type=Path, metavar="FILE", help="Triton's wheel, instead of fetching it with pip")
    install.add_argument("--remove", action="store_true", help="undo an earlier setup")
    install.set_defaults(run=_setup)

    support = commands.add_parser("support", help="print which operation runs on which element type, as Markdown")
    support.set_defaults(run=_support)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)
    return parser


# Triton takes a second to import, so a command imports what it needs when it runs.
def _demo(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import demo

    return demo.show(console, options.show) if options.show else demo.demo(console)


def _bench(console: Console, options: argparse.Namespace) -> int:
    return bench(console, options.only, options.seconds, options.json)


def _setup(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import setup

    return setup.remove(console) if options.remove else setup.setup(console, options.wheel)


def _support(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import support

    print(support.page(), end="")
    return 0


def _version(console: Console, options: argparse.Namespace) -> int:
    print(doctor.own_version())
    return 0


if __name__ == "__main__":
    sys.exit(main())
