"""The command `triton-alloy`, also `python -m triton_alloy`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from triton_alloy import __version__
from triton_alloy.errors import AlloyError, InvalidArgument
from triton_alloy.msl_cpu.compile.eviction import parse_size
from triton_alloy.msl_cpu.errors import MslError
from triton_alloy.tools import doctor, info, needs
from triton_alloy.tools.bench import SECTIONS, USUAL_SECTIONS, Settings, bench, packages

PIPED_WIDTH = 1000
"""Columns where the output is no terminal: no table is cut, no line is broken."""
BAD_INPUT, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, the help without arguments. The exit status is 0 where all went well, 1 where a result was
    wrong or a target missed, 2 on bad input and where something is missing, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return _run(options)
    except (AlloyError, MslError) as error:
        _complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads has seen enough; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> int:
    picture = getattr(options, "svg", None)
    wide = None if picture or sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPED_WIDTH
    console = Console(record=bool(picture), width=wide)
    status = options.run(console, options)
    if picture:
        console.save_svg(str(picture), title=f"triton-alloy {options.command}")
    return status


def _complain(error: Exception) -> None:
    words = Text.assemble(("error: ", "bold red"), str(error))
    Console(stderr=True).print(words, soft_wrap=True)


def _new_file(text: str) -> Path:
    """The path of a file that is to be written: said to be wrong before anything takes its time."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: {'a folder' if path.is_dir() else f'no folder {path.parent}'}")
    return path


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a positive number")
    return int(text)


def _size(text: str) -> int:
    try:
        size = parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not size:
        raise argparse.ArgumentTypeError("nothing would be kept: use --clear")
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="triton-alloy", description="Triton kernels as Metal text, on GPU and CPU.")
    parser.add_argument("--version", action="version", version=f"triton-alloy {__version__}")
    commands = parser.add_subparsers(metavar="command", dest="command")

    demo = commands.add_parser("demo", help="run the example kernels and compare them with NumPy")
    demo.add_argument("--show", metavar="NAME", help="print the Metal text of one example instead")
    demo.set_defaults(run=_demo)

    measure = commands.add_parser("bench", help="measure what the README claims (needs PyTorch)")
    measure.add_argument("--only", nargs="+", choices=SECTIONS, default=USUAL_SECTIONS, help="some sections only")
    measure.add_argument("--seconds", type=float, default=3.0, help="time for each comparison (default 3)")
    measure.add_argument("--threads", type=_count, default=2, help="of every library (default 2)")
    measure.add_argument("--json", type=_new_file, metavar="FILE", help="write the numbers")
    measure.add_argument("--plot", type=_new_file, metavar="FILE", help="draw sizes and tiles as SVG")
    for command in (demo, measure):
        command.add_argument("--svg", type=_new_file, metavar="FILE", help="write the table as a picture too")
    measure.set_defaults(run=_bench)

    about = commands.add_parser("info", help="show the machine, its frameworks, and which runtime takes which arrays")
    about.set_defaults(run=lambda console, options: info.info(console))

    check = commands.add_parser("doctor", help="run kernels on every runtime: what works, what does not, what to do")
    check.set_defaults(run=lambda console, options: doctor.doctor(console))

    fit = commands.add_parser(
        "calibrate", help="on a Mac: build and time our texts, and write a file to attach to an issue"
    )
    fit.add_argument("--only", nargs="+", metavar="NAME", default=[], help="texts whose names begin so")
    fit.add_argument("--seconds", type=float, default=0.5, help="for each timing (default 0.5)")
    file = Path("triton-alloy-calibration.json")
    fit.add_argument("--json", type=_new_file, metavar="FILE", default=file, help=f"to write (default {file})")
    fit.set_defaults(run=_calibrate)

    install = commands.add_parser("setup", help="put Triton's Python files here, where Triton has no wheel (macOS)")
    install.add_argument("--wheel", type=Path, metavar="FILE", help="Triton's wheel, instead of fetching it with pip")
    install.add_argument("--remove", action="store_true", help="undo an earlier setup")
    install.set_defaults(run=_setup)

    kept = commands.add_parser("cache", help="show, limit or clear what is kept between processes")
    action = kept.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="show each kernel too, those that were used last first")
    action.add_argument(
        "--limit", type=_size, metavar="SIZE", help="keep at most SIZE, such as 500MB: what was used last"
    )
    action.add_argument("--clear", action="store_true", help="remove all, of Triton's cache what this backend has made")
    kept.set_defaults(run=_cache)

    support = commands.add_parser("support", help="print which operation runs on which element type, as Markdown")
    support.set_defaults(run=_support)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)
    return parser


# Triton takes a second to import, so a command imports what it needs when it runs.
def _demo(console: Console, options: argparse.Namespace) -> int:
    needs.require("demo", "triton")
    from triton_alloy.tools import demo

    return demo.show(console, options.show) if options.show else demo.demo(console)


def _bench(console: Console, options: argparse.Namespace) -> int:
    needs.require("bench", *packages(options.only))
    settings = Settings(options.seconds, options.threads)
    return bench(console, options.only, settings, options.json, options.plot)


def _calibrate(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.runtime.metal import metal_device

    try:
        device = metal_device()
    except InvalidArgument as error:
        raise InvalidArgument(f"triton-alloy calibrate measures an Apple GPU: {error}") from error
    needs.require("calibrate", "triton")
    from triton_alloy.tools.calibrate import calibrate

    return calibrate(console, device, options.json, options.seconds, options.only)


def _setup(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import setup

    return setup.remove(console) if options.remove else setup.setup(console, options.wheel)


def _cache(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import caches

    if options.clear or options.limit:
        return caches.shrink(console, options.limit or 0)
    return caches.show(console, each=options.list)


def _support(console: Console, options: argparse.Namespace) -> int:
    from triton_alloy.tools import support

    print(support.page(), end="")
    return 0


def _version(console: Console, options: argparse.Namespace) -> int:
    print(__version__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
