"""The profiles as a page: which fabrics there are, and how each pair is kept apart. Pure: profiles in, Markdown out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from idc.model.profiles import CentreRule, Profile


def profiles_markdown(profiles: Sequence[Profile]) -> str:
    """All profiles, each with its fabrics and its matrix."""
    lines = ["# Profiles: the law as data", "", "<!-- made from profiles/; edits are lost -->", ""]
    lines += [
        "A profile names the fabrics and how each pair is isolated. `logical`: only declared flows, through the edge.",
        "`physical`: nothing shared, only an offline ferry. `absolute`: no ferry, no shared medium or person. A pair",
        "that a profile does not list is refused. (s) is stated in the source, (d) follows from what it states.",
        "",
    ]
    for profile in profiles:
        lines += list(_profile(profile))
    return "\n".join(lines).rstrip() + "\n"


def _profile(profile: Profile) -> Iterator[str]:
    spec = profile.spec
    yield from (f"## {profile.name}", "", f"{spec.title}. Source: {spec.source}.", "")
    yield from ("| fabric | | rank | managed by idc | what it is for |", "|---|---|---|---|---|")
    for name, law in profile.fabrics.items():
        yield f"| `{name}` | {law.title}, {law.native} | {law.rank} | {'yes' if law.managed else 'no'} | {law.about} |"
    names = list(profile.fabrics)
    yield from ("", f"| | {' | '.join(f'`{name}`' for name in names[1:])} |", f"|---{'|---' * (len(names) - 1)}|")
    for row, name in enumerate(names[:-1]):
        cells = ["" if column <= row else _pair(profile, name, names[column]) for column in range(1, len(names))]
        yield f"| `{name}` | {' | '.join(cells)} |"
    yield ""
    for group in spec.required_centres:
        centres = ", ".join(_centre(rule) for rule in group.centres.values())
        fabrics = ", ".join(f"`{fabric}`" for fabric in group.fabrics)
        yield from (f"Each of {fabrics} must have: {centres}.", "")
    if spec.library:
        yield from (f"{spec.library.title} ({spec.library.native}): in `{spec.library.fabric}`.", "")


def _centre(rule: CentreRule) -> str:
    place = ", in another location" if rule.own_location else ""
    return f"{rule.title.lower()} (`{'`, `'.join(rule.services)}`{place})"


def _pair(profile: Profile, one: str, other: str) -> str:
    rule = profile.pair(one, other)
    if rule is None:
        return "refused"
    condition = f", {rule.condition}" if rule.condition else ""
    return f"{rule.isolation} ({rule.basis[0]}{condition})"
