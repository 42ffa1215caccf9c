"""Layers for MITRE's ATT&CK Navigator, format 4.5: techniques with a score and who gave it.

Source: layers/spec/v4.5/layerformat.md of mitre-attack/attack-navigator.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from tocsin.rules.attack import Attack

_LAYER, _NAVIGATOR, _DOMAIN = "4.5", "5.1.0", "enterprise-attack"
_COLORS = ("#ffffff", "#ff6666")
_MAX_TITLES = 20  # named in one comment


def layer(name: str, description: str, attack: Attack, found: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    """Make a layer of (technique id, title, count) rows; a score is the sum, a comment names the titles."""
    scores: dict[str, int] = {}
    titles: dict[str, dict[str, int]] = {}
    for technique, title, count in found:
        scores[technique] = scores.get(technique, 0) + count
        of_technique = titles.setdefault(technique, {})
        of_technique[title] = of_technique.get(title, 0) + count
    return {
        "name": name,
        "versions": {"attack": attack.version.partition(".")[0], "navigator": _NAVIGATOR, "layer": _LAYER},
        "domain": _DOMAIN,
        "description": description,
        "sorting": 3,  # by score, the highest first
        "techniques": [
            {
                "techniqueID": technique,
                "score": scores[technique],
                "comment": _comment(titles[technique]),
                "enabled": True,
                "showSubtechniques": "." in technique,
            }
            for technique in sorted(scores)
        ],
        "gradient": {"colors": list(_COLORS), "minValue": 0, "maxValue": max([1, *scores.values()])},
    }


def write_layer(path: Path, content: Mapping[str, Any]) -> None:
    """Write a layer; a file that is there stays whole until the new one is."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _comment(titles: Mapping[str, int]) -> str:
    ranked = sorted(titles, key=lambda title: (-titles[title], title))
    named = [f"{title} ({titles[title]})" if titles[title] > 1 else title for title in ranked[:_MAX_TITLES]]
    others = len(ranked) - _MAX_TITLES
    return "; ".join(named) + (f"; and {others} more" if others > 0 else "")
