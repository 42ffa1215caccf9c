"""Options that several commands share."""

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.config import SETTINGS, Config, load_config
from tocsin.errors import ConfigError

_SETTINGS = {setting.key: setting for setting in SETTINGS}


def add_command(commands: Any, name: str, module: Any) -> argparse.ArgumentParser:
    """Add a command by its module, which has HELP, EXAMPLES and `add_arguments`; `commands`: of `add_subparsers`."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=module.HELP,
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(command)
    return command


def add_actions(parser: argparse.ArgumentParser, actions: Mapping[str, Any]) -> None:
    """Add what a command can do, by the modules of its actions; `run_action` runs the one that is given."""
    subparsers = parser.add_subparsers(metavar="ACTION", required=True)
    for name, module in actions.items():
        action = add_command(subparsers, name, module)
        action.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        action.set_defaults(action_main=module.main, parser=action)


def run_action(parsed: argparse.Namespace) -> int:
    code: int = parsed.action_main(parsed)
    return code


def add_setting(parser: argparse.ArgumentParser, flag: str, key: str, metavar: str | None = None) -> None:
    """Add a flag for a setting; its text is read later, with all other settings."""
    setting = _SETTINGS[key]
    default = f" (default: {setting.default})" if setting.default else ""
    text = (setting.help + default).replace("%", "%%")
    if setting.default in ("true", "false"):
        value = "false" if setting.default == "true" else "true"
        meaning = f"do not {setting.help}" if value == "false" else setting.help
        parser.add_argument(flag, dest=key, action="store_const", const=value, help=meaning)
    elif setting.is_list:
        parser.add_argument(flag, dest=key, nargs="+", metavar=metavar or "PATH", help=text)
    else:
        parser.add_argument(flag, dest=key, metavar=metavar or key.rpartition(".")[2].upper(), help=text)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add --data, --bus and --kafka."""
    add_setting(parser, "--data", "data", "DIR")
    add_setting(parser, "--bus", "bus", "URL")
    parser.add_argument(
        "--kafka", action="append", default=[], metavar="NAME=VALUE", help="a librdkafka property; may be given often"
    )


def add_preparation(parser: argparse.ArgumentParser) -> None:
    """Add what is done with rules before they are used."""
    add_setting(parser, "--variables", "classify.variables", "FILE")
    add_setting(parser, "--pipeline", "classify.pipelines", "FILE")


def add_tuning(parser: argparse.ArgumentParser) -> None:
    """Add what is done with rules that are in use."""
    add_setting(parser, "--tuning", "classify.tuning", "FILE")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how records are read."""
    add_setting(parser, "--formats", "classify.formats", "FILE")
    add_setting(parser, "--timezone", "classify.timezone", "ZONE")


def add_span(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --since and --until; `refuse_empty_span` is for what they say. `what`: that has a time."""
    parser.add_argument("--since", type=time, metavar="TIME", help=f"{what} from then on (UTC)")
    parser.add_argument("--until", type=time, metavar="TIME", help=f"{what} before then (UTC)")


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """Add where a stage can be looked at."""
    add_setting(parser, "--metrics", "metrics.listen", "HOST:PORT")


def add_stage(parser: argparse.ArgumentParser) -> None:
    """Add what the supervisor hands to a stage; not for people."""
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)


def path(text: str) -> Path:
    """Read a path; an empty one, as an unset variable of a shell gives, would be the current folder."""
    if not text:
        raise ValueError
    return Path(text)


def new_file(text: str) -> Path:
    """Read the path of a file to write, before any work is done for it."""
    file = path(text)
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder `{file.parent}` for `{file.name}`: make it first")
    if file.exists() and not file.is_file():
        raise argparse.ArgumentTypeError(f"`{file}` is no file")
    if not os.access(file.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"`{file}` cannot be written: the folder may not be changed")
    return file


def picture(text: str) -> Path:
    """Read the path of a picture to write, before any work is done for it, for argparse."""
    file = new_file(text)
    if file.suffix.lower() not in (".png", ".svg"):
        raise argparse.ArgumentTypeError(f"`{file.name}` must end in .png or .svg")
    return file


def time(text: str) -> datetime:
    """Read a time such as 2026-01-12 or 2026-01-12T06:00:00Z, for argparse."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        reason = f"`{text}` is not a time such as 2026-01-12 or 2026-01-12T06:00:00Z"
        raise argparse.ArgumentTypeError(reason) from error


def seconds(text: str) -> float:
    """Read a number of seconds, 0 or more; argparse shows the name of this function in its error."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def refuse_empty_span(parsed: argparse.Namespace) -> None:
    """Refuse a span of time in which no event can lie."""
    if parsed.since and parsed.until and parsed.since >= parsed.until:
        raise ConfigError(f"--until {parsed.until.isoformat()} is not after --since {parsed.since.isoformat()}")


def config_of(parsed: argparse.Namespace) -> Config:
    """Settle all settings, with the flags that were given."""
    flags = {key: value for key, value in vars(parsed).items() if key in _SETTINGS}
    return load_config(flags, file=parsed.config, kafka_flags=getattr(parsed, "kafka", ()))
