"""What the command palette offers: every command, every preset, every parameter with its value in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from nodeviz.app.commands import in_a_sentence
from nodeviz.app.fuzzy import match, respelled
from nodeviz.experiments.params import Choice, Flag, NumberMap, Param, declared, shown
from nodeviz.experiments.run import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel

RECENT_BONUS = 4.0  # of the newest one; the older ones have less
NEAR_BONUS = 1.5  # of the panel that has the focus
SEED_PARAM = Param("seed", 0, SEED, "Seed", help="Where the random numbers of the run begin; the same seed repeats it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A value that is asked for: what it is, what it is now, its limits, and what takes the answer.

    ``choices`` maps the values to their titles where there are only a few; ``take`` raises a ParamError.
    """

    title: str
    value: str
    limits: str
    take: Callable[[object], None]
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the palette.

    Attributes
    ----------
    id : under which it is remembered as recent; title : what it does; where : its menu or its panel
    side : what stands at the right in quiet text: the shortcut, or the value in force
    also : further words that it is found by; panel : whose it is; able : whether it can be done now
    act : does it; ask : or asks for a value first
    """

    id: str
    title: str
    where: str
    side: str = ""
    also: str = ""
    panel: str = ""
    able: bool = True
    act: Callable[[], object] | None = None
    ask: Question | None = None


def entries(window: MainWindow) -> list[Entry]:
    """Return everything that can be chosen."""
    return [*command_entries(window), *(entry for panel in window.panels.values() for entry in settings_of(panel))]


def command_entries(window: MainWindow) -> list[Entry]:
    """Return the commands, presets among them, in the order of their menus."""
    table, made = window.commands, []
    titles = {panel.record.title: name for name, panel in window.panels.items()}
    for command in table:
        if command.id == "palette":
            continue
        action = table.action(command.id)
        owner = titles.get(command.menu.partition("/")[2], "")
        made.append(
            Entry(
                id=command.id,
                title=action.text(),
                where=command.menu.replace("/", " › "),
                side=table.shortcut(command.id),
                also=f"{command.id.replace('_', ' ')} {'preset' if command.menu.startswith('Presets/') else ''}",
                panel=owner or next((name for name in window.panels if command.id.endswith(f"_{name}")), ""),
                able=action.isEnabled(),
                act=partial(table.run, command.id),
            )
        )
    return made


def settings_of(panel: Panel[Any, Any]) -> list[Entry]:
    """Return the parameters of a panel: a flag is turned, the others ask for their value."""
    made, params = [], panel.params
    for name, spec in declared(params).items():
        if name in panel.hidden_rows - set(panel.instruments):
            continue  # points by the hundred are not typed
        value = getattr(params, name)
        if isinstance(spec.kind, Flag):
            made.append(_flag(panel, spec, value))
        elif isinstance(spec.kind, NumberMap):
            made += [_key(panel, spec, spec.kind, key, number) for key, number in value.items()]
        else:
            take = partial(_take, panel, name)
            choices = spec.kind.choices if isinstance(spec.kind, Choice) else {}
            made.append(_asked(panel, spec, spec.kind.to_text(value).replace("\n", "; "), take, choices))
    seed = panel.session.state(panel.experiment).seed
    made.append(_asked(panel, SEED_PARAM, str(seed), lambda value: panel.session.set_seed(panel.experiment, value), {}))
    return made


def _take(panel: Panel[Any, Any], name: str, value: object) -> None:
    panel.session.change(panel.experiment, {name: value})


def _flag(panel: Panel[Any, Any], spec: Param, on: bool) -> Entry:
    return Entry(
        id=f"{panel.experiment}.{spec.name}",
        title=f"Turn {in_a_sentence(spec.label)} {'off' if on else 'on'}",
        where=panel.record.title,
        side="on" if on else "off",
        also=f"set show hide {spec.name.replace('_', ' ')} {panel.experiment}",
        panel=panel.experiment,
        act=partial(_take, panel, spec.name, not on),
    )


def _key(panel: Panel[Any, Any], spec: Param, kind: NumberMap, key: str, number: float) -> Entry:
    one = Param(f"{spec.name}[{key!r}]", number, kind, key, help=f"The {key} of the equations.")
    text = f"{number:g}"

    def take(value: object) -> None:
        _take(panel, spec.name, {key: value})

    return _asked(panel, one, text, take, {})


def _asked(
    panel: Panel[Any, Any], spec: Param, value: str, take: Callable[[object], None], choices: Mapping[str, str]
) -> Entry:
    label = in_a_sentence(spec.label) if not spec.label[1:2].isupper() else spec.label
    unit = f" [{spec.unit}]" if spec.unit else ""
    return Entry(
        id=f"{panel.experiment}.{spec.name}",
        title=f"Set {label}{unit}",
        where=panel.record.title,
        side=shown(choices.get(value, value)),
        also=f"{spec.name.replace('_', ' ')} {panel.experiment}",
        panel=panel.experiment,
        ask=Question(
            title=f"{spec.label}{unit}",
            value=value,
            limits=f"{spec.help} Limits: {spec.kind.limits()}.",
            take=take,
            choices=choices,
        ),
    )


def choices_of(entry: Entry) -> list[Entry]:
    """Return a line for each choice that an entry asks for; the one in force first."""
    assert entry.ask is not None
    ask = entry.ask
    names = sorted(ask.choices, key=lambda name: name != ask.value)
    return [
        Entry(
            id=entry.id,
            title=ask.choices[name],
            where="" if name == ask.choices[name] else name,
            side="in force" if name == ask.value else "",
            act=partial(ask.take, name),
        )
        for name in names
    ]


def ranked(
    found: Sequence[Entry], query: str, recent: Sequence[str] = (), near: str = ""
) -> list[tuple[Entry, tuple[int, ...]]]:
    """Return the entries that fit what was typed, the best first, with the places of the letters in their titles.

    Nothing typed: all, those chosen last first. Where nothing fits, the words are taken as spelled badly.
    """
    if not query.strip():
        place = {name: number for number, name in enumerate(recent)}
        return [(entry, ()) for entry in sorted(found, key=lambda entry: place.get(entry.id, len(place)))]
    rows = _scored(found, query, recent, near)
    if not rows:
        better = respelled(query, (f"{entry.title} {entry.where} {entry.also}" for entry in found))
        rows = _scored(found, better, recent, near)
    return [(entry, places) for _, entry, places in rows]


def _scored(
    found: Sequence[Entry], query: str, recent: Sequence[str], near: str
) -> list[tuple[float, Entry, tuple[int, ...]]]:
    rows = []
    for entry in found:
        fit = match(query, entry.title, f"{entry.where} {entry.also}")
        if fit is None:
            continue
        score = fit.score + (NEAR_BONUS if near and entry.panel == near else 0.0)
        if entry.id in recent:
            score += RECENT_BONUS * (1.0 - recent.index(entry.id) / len(recent))
        rows.append((score, entry, fit.places))
    rows.sort(key=lambda row: -row[0])
    return rows
