"""Colours and fonts of the pictures, as CSS inside the SVG: light by default, dark where the system asks for it.

Plain class rules rather than CSS variables, so that programs without a browser's CSS draw the light form. Text keeps a
contrast of at least 4.5 : 1 on what it stands on (WCAG 2.1, 1.4.3); flows differ by dash as well as by colour.
"""

from __future__ import annotations

from typing import Final

from idc.model.types import Zone

# zone -> (light band, light accent, dark band, dark accent)
_ZONES: Final[dict[Zone, tuple[str, str, str, str]]] = {
    Zone.EDGE: ("#fdf1d7", "#8a5a00", "#3a2e14", "#f2c25c"),
    Zone.WEB: ("#e2eefb", "#1f5fa8", "#16304a", "#7db8f5"),
    Zone.DATA: ("#ece6fa", "#5b3aa6", "#2b2148", "#b9a0f2"),
    Zone.MANAGEMENT: ("#e5f1e8", "#2b6a45", "#19372a", "#7fd0a0"),
    Zone.TRUST: ("#fbe7ec", "#a12f4b", "#42202b", "#f09ab0"),
    Zone.EXCHANGE: ("#dff2f3", "#12666f", "#123539", "#6fcfd8"),
    Zone.BACKUP: ("#e8ebf1", "#46566c", "#272f3b", "#a9bad2"),
}

# flow -> (light, dark, dash)
_FLOWS: Final[dict[str, tuple[str, str, str]]] = {
    "internet": ("#1463c4", "#6fb0ff", ""),
    "fabric": ("#0a7a55", "#4fd1a0", "9 4"),
    "own": ("#5b3aa6", "#b9a0f2", ""),
    "declared": ("#a34a00", "#ffab66", "3 3"),
}

_LIGHT: Final = """
svg{background:#fff}
text{font-family:Inter,"Segoe UI","Helvetica Neue",Arial,"Liberation Sans","Noto Sans CJK SC",sans-serif}
.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
.page{fill:#fff}
.ink{fill:#16212c}.soft{fill:#4d5b69}.white{fill:#fff}
.hall{fill:#f3f5f7;stroke:#d5dce3}
.card{fill:#fff;stroke:#b9c4ce}
.rule{stroke:#d5dce3;fill:none}
.box{fill:#fff;stroke:#b9c4ce}
.pill{fill:#f3f5f7;stroke:#8797a6}
.apart{fill:none;stroke:#8797a6;stroke-dasharray:5 4}
.chip{fill:#fff;stroke:#b9c4ce}
.chip.empty{fill:none;stroke:#8797a6;stroke-dasharray:3 3}
.dot{fill:#2b8a4b}
.icon{fill:none;stroke:#4d5b69;stroke-width:1.5}
.shut .box{stroke:#b3261e;stroke-width:1.6}
.hatch{fill:url(#hatch)}
.hatching{stroke:#b3261e;stroke-opacity:.22;stroke-width:5}
.alarm{fill:#b3261e}.alarm-line{stroke:#b3261e;stroke-width:2.6;fill:none}
.line{fill:none;stroke-width:2}
.badge{stroke:#fff;stroke-width:1.5}
.cell{fill:#fff;stroke:#e3e8ec}.cell.self{fill:#e9edf1}.cell.hatch{fill:url(#hatch)}
.v-proven{fill:#1b6b3a}.v-unknown{fill:#f2c25c}.v-broken{fill:#b3261e}.v-dark{fill:#16212c}
.open-fill{fill:#22384d}.icon-dot{fill:#b9c4ce}
.ring-internet{fill:none;stroke:#1463c4;stroke-width:1.6}.ring-fabric{fill:none;stroke:#0a7a55;stroke-width:1.6}
"""

_DARK: Final = """
svg{background:#0e141a}
.page{fill:#0e141a}
.ink{fill:#eef3f7}.soft{fill:#a8b6c3}.white{fill:#0e141a}
.hall{fill:#141c24;stroke:#2b3844}
.card{fill:#1a242e;stroke:#3d4c5a}
.rule{stroke:#2b3844}
.box{fill:#0e141a;stroke:#3d4c5a}
.pill{fill:#1a242e;stroke:#7a8b9b}
.apart{stroke:#7a8b9b}
.chip{fill:#0e141a;stroke:#3d4c5a}
.chip.empty{stroke:#7a8b9b}
.dot{fill:#5fd08a}
.icon{stroke:#a8b6c3}
.shut .box{stroke:#ff8a80}
.hatching{stroke:#ff8a80}
.alarm{fill:#ff8a80}.alarm-line{stroke:#ff8a80}
.badge{stroke:#0e141a}
.cell{fill:#0e141a;stroke:#27333e}.cell.self{fill:#1c2731}
.v-proven{fill:#5fd08a}.v-broken{fill:#ff8a80}
.open-fill{fill:#d7e3ee}.icon-dot{fill:#3d4c5a}
.ring-internet{stroke:#6fb0ff}.ring-fabric{stroke:#4fd1a0}
"""


# After the colours of flows, which they override.
_CHANGES: Final = ".opens .line{stroke:#1b6b3a;stroke-width:4}.opens-text{fill:#1b6b3a}.closes-text{fill:#b3261e}"
_CHANGES_DARK: Final = (
    "@media (prefers-color-scheme:dark){.opens .line{stroke:#5fd08a}"
    ".opens-text{fill:#5fd08a}.closes-text{fill:#ff8a80}}"
)


def _themed(dark: bool) -> str:
    rules = []
    for zone, (band, accent, dark_band, dark_accent) in _ZONES.items():
        fill, strong = (dark_band, dark_accent) if dark else (band, accent)
        rules.append(f".z-{zone}{{fill:{fill}}}.s-{zone}{{fill:{strong}}}.t-{zone}{{fill:{strong}}}")
    for name, (light, night, dash) in _FLOWS.items():
        colour = night if dark else light
        dashes = f";stroke-dasharray:{dash}" if dash and not dark else ""
        rules.append(f".f-{name} .line{{stroke:{colour}{dashes}}}.c-{name}{{fill:{colour}}}")
    return "\n".join(rules)


def css() -> str:
    """The style sheet."""
    dark = f"@media (prefers-color-scheme:dark){{\n{_DARK.strip()}\n{_themed(True)}\n}}"
    return f"{_LIGHT.strip()}\n{_themed(False)}\n{_CHANGES}\n{dark}\n{_CHANGES_DARK}"


def definitions() -> str:
    """Arrow heads and the hatching of what is shut."""
    heads = "".join(
        f'<marker id="end-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="c-{name}" d="M0 0L8 4L0 8z"/></marker>'
        for name in _FLOWS
    )
    hatch = (
        '<pattern id="hatch" width="10" height="10" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="hatching" d="M0 0V10"/></pattern>'
    )
    return f"<defs>{heads}{hatch}</defs>"
