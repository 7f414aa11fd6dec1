"""Asks what of a panel is exported, how and where; shows what it will look like, and how far exports are."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from nodeviz.app.commands import in_a_sentence
from nodeviz.app.export import run_of
from nodeviz.app.export_draft import ALL_PANELS, Draft, complaint, with_ending
from nodeviz.app.export_estimate import Estimate, about_size, about_time
from nodeviz.app.export_form import Choices, ExportForm
from nodeviz.app.export_job import Exports, subject_of
from nodeviz.app.export_preview import Previewer, Wanted
from nodeviz.app.export_recent import Recent, read_recent
from nodeviz.app.export_rows import JobList
from nodeviz.app.export_start import cancel, recent_menu, remember, start_export
from nodeviz.app.export_text import command_text, python_text
from nodeviz.app.export_thumbs import Question, Thumb
from nodeviz.experiments.films import check_over
from nodeviz.experiments.own_presets import file_name
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.shoot import Shoot
from nodeviz.media.formats import FORMATS, MediaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtCore import QObject
    from PySide6.QtGui import QShowEvent

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel
    from nodeviz.media.formats import Format

REFUSALS = (MediaError, ParamError)
WATCH = 1000  # ms between two looks whether the panel shows something else by now
READ = 6000  # ms for a line about what was copied
OVER_TITLES = {"time": "Time", "points": "Points, one by one", "training": "Training"}


class ExportDialog(QDialog):
    """One for each panel; it stays open while exports go on, and they go on when it is closed."""

    def __init__(self, window: MainWindow, panel: Panel[Any, Any]) -> None:
        super().__init__(window)
        self.setObjectName(f"export_{panel.experiment}")
        self.setWindowTitle(f"Export {in_a_sentence(panel.record.title)}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._window, self.panel = window, panel
        self._exports = Exports.of(window.session)
        self.draft = self._fitting(first_draft(window, panel))
        self._wanted: Wanted | None = None
        self._estimate: Estimate | None = None
        self._seen: list[tuple[Any, Any]] | None = None
        self._typed: dict[str, str] = {}  # what is wrong about an entry by itself
        self._together = "", ""  # the option that does not go with the others, and why
        self.preview = Previewer(self)
        self.preview.drew.connect(self._on_drew)
        self.preview.estimated.connect(self._on_estimated)
        self.preview.refused.connect(self._on_refused)
        self.preview.told.connect(self._say_estimate)
        self._build()
        self._watch = QTimer(self, interval=WATCH)
        self._watch.timeout.connect(self._look)
        self._watch.start()
        self._restore = QTimer(self, singleShot=True, interval=READ)
        self._restore.timeout.connect(lambda: self._say_estimate(""))
        self.finished.connect(self._end)
        window.installEventFilter(self)
        self._show_draft()

    # What it looks like.

    def _build(self) -> None:
        self.form = ExportForm(self._parts(), self._overs())
        self._offer()
        self.form.edited.connect(self._on_edited)
        self.form.given_up.connect(lambda name: self._forgive(name))
        self.form.browsed.connect(self._browse)
        self.form.recent.setMenu(recent_menu(self._window, self, self.take))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.form)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(90)
        self._scroll = scroll
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.thumbs = [Thumb(title) for title in ("First", "Middle", "Last")]
        right = QVBoxLayout()
        right.setSpacing(8)
        for thumb in self.thumbs:
            right.addWidget(thumb, 1)
        body = QHBoxLayout()
        body.setSpacing(20)
        body.addWidget(scroll, 5)
        body.addLayout(right, 4)
        self.words = QLabel()
        self.words.setAccessibleName("Estimate")
        self.words.setWordWrap(True)
        self.question = Question()
        self.question.answered.connect(lambda _: self._enable())
        self.jobs = JobList(self._exports)
        self.jobs.cancelled.connect(lambda job: cancel(self._window, job))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 14)
        column.setSpacing(10)
        column.addLayout(body, 1)
        column.addWidget(self.words)
        column.addWidget(self.question)
        column.addWidget(self.jobs)
        column.addLayout(self._buttons())
        available = self.screen().availableSize() * 0.95
        self.resize(QSize(900, 660).boundedTo(available))
        self.form.first_control().setFocus()

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.copy_command = self._button("Copy as command", "The line for a terminal that makes the same file")
        self.copy_python = self._button("Copy as Python", "The Python that makes the same file")
        self.copy_command.clicked.connect(lambda: self._copy(command_text))
        self.copy_python.clicked.connect(lambda: self._copy(python_text))
        close = self._button("Close", "Close the dialog; exports go on")
        close.clicked.connect(self.close)
        self.go = self._button("Export", "Write the file (Ctrl+Enter)")
        self.go.setObjectName("primary")
        self.go.clicked.connect(self.export)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.export)
        for button in (self.copy_command, self.copy_python):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self.go)
        return row

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        button.setAutoDefault(False)  # Enter belongs to the line that is being typed
        return button

    def _parts(self) -> Mapping[int, str]:
        parts = {0: "The whole panel"}
        drawn = (entry for entry in enumerate(self.panel.plots, start=1) if entry[1].isVisibleTo(self.panel))
        parts |= {number: plot.name for number, plot in drawn}
        return parts | ({ALL_PANELS: "All panels"} if len(self._window.panels) > 1 else {})

    def _fitting(self, draft: Draft) -> Draft:
        """Return a draft of earlier without what the panel no longer has."""
        shoot = draft.shoot
        over = shoot.over if shoot.over in self._overs() else ""
        plot = shoot.plot if shoot.plot <= len(self.panel.plots) else 0
        return dataclasses.replace(draft, shoot=dataclasses.replace(shoot, over=over, plot=plot))

    def _overs(self) -> Mapping[str, str]:
        """Return what can move; what usually does comes first, under no name."""
        run = run_of(subject_of(self.panel))
        self._usual = usual = check_over("", run)
        found = {"": OVER_TITLES[usual]}
        for name, title in OVER_TITLES.items():
            try:
                check_over(name, run)
            except ParamError:
                continue
            if name != usual:
                found[name] = title
        return found

    def _blocked_training(self) -> list[str]:
        trains = self.panel.record.trains and "training" not in self._overs()
        return ["These weights are there already and learn nothing: train from scratch first"] if trains else []

    # What somebody does.

    def _on_edited(self, name: str, value: object) -> None:
        try:
            draft = self.draft.changed(name, value)
        except REFUSALS as error:
            self._typed[name] = complaint(error)[1]
            self._show_complaints()
            return
        if draft != self.draft:
            self.draft = draft
            self.question.drop()
        self._forgive(name)

    def _forgive(self, name: str) -> None:
        """Take back what was said about an entry: it is good now, or what was typed was given up."""
        self._typed.pop(name, None)
        self._show_draft()

    def take(self, recent: Recent) -> None:
        """Take file and options of an earlier export."""
        self.draft = self._fitting(recent.draft())
        self._typed.clear()
        self._show_draft()

    def _browse(self) -> None:
        filters = [f"{kind.title} (*{name})" for name, kind in FORMATS.items() if kind.kind != "folder"]
        kind = self._kind()
        chosen = next((entry for entry in filters if entry.endswith(f"(*{kind.name})")), filters[0])
        path, picked = QFileDialog.getSaveFileName(
            self, "Export to", self.draft.target, ";;".join(filters), chosen,
            QFileDialog.Option.DontConfirmOverwrite,  # asked about once, when it is written
        )  # fmt: skip
        if path:
            ending = picked.rpartition("(*")[2].rstrip(")")
            self._on_edited("out", path if Path(path).suffix else path + ending)

    def _copy(self, text_of: Any) -> None:
        """Put what makes the same file on the clipboard."""
        try:
            text = text_of([subject_of(panel) for panel in self._panels()], self.draft.target, self._shoot())
        except REFUSALS as error:
            self.words.setText(str(error))
            return
        QGuiApplication.clipboard().setText(text)
        first = text.splitlines()[-1]
        self._window.echo(f"# copied: {first}")
        self.words.setText(f"Copied: {first if len(first) < 200 else first[:200] + ' ...'}")
        self._restore.start()

    def export(self) -> None:
        """Write the file; ask first where one is there already, or where it will take very long."""
        QWidget.setFocus(self.go)  # what is being typed is sent
        if not self.go.isEnabled():
            return
        self._ask_about_file()

    def _ask_about_file(self) -> None:
        if self.draft.exists():
            name = Path(self.draft.target).name
            self.question.ask(f"{name} is there already. Replace it?", "Replace", self._ask_about_length)
            self._enable()
        else:
            self._ask_about_length()

    def _ask_about_length(self) -> None:
        kind = self._kind()
        if self.draft.many(kind):
            count = self._shoot().pictures
            words = f"{count:,} pictures"
            if self._estimate is not None:
                words += f" take {about_time(self._estimate.seconds)} and {about_size(self._estimate.bytes)}"
            else:
                words += " take long, and how long is not known yet"
            self.question.ask(f"{words}. Export them all the same?", "Export all the same", self._start)
            self._enable()
        else:
            self._start()

    def _start(self) -> None:
        shoot = self._shoot()
        job = start_export(
            self._window, self.panel, self.draft.target, shoot, grid=self.draft.grid, complain=self._on_refused
        )
        if job is not None:
            recent, window = Recent.of(self.panel.experiment, self.draft, shoot), self._window
            job.ended.connect(lambda _: remember(window, recent) if job.ending == "done" else None)

    # What is shown.

    def _panels(self) -> tuple[Panel[Any, Any], ...]:
        return tuple(self._exports.panels) if self.draft.grid else (self.panel,)

    def _kind(self) -> Format:
        try:
            return self.draft.format()
        except MediaError:
            return FORMATS[".mp4"]

    def _shoot(self) -> Shoot:
        return self.draft.effective(self._kind())

    def _show_draft(self) -> None:
        """Show the draft; say what cannot be, or begin to draw what will be."""
        kind = self._kind()
        self.form.show_draft(self.draft, kind)
        try:
            self.draft.check(max(2, len(self._exports.panels)))
        except REFUSALS as error:
            self._on_refused(str(error))
            return
        self._together = "", ""
        self._show_complaints()
        for number, thumb in enumerate(self.thumbs):
            thumb.setVisible(kind.moving or number == 0)
            thumb.expect(self.draft.shoot.size, self._moment(number))
        wanted = Wanted(self._panels(), self._shoot(), kind)
        if wanted != self._wanted:
            self._wanted, self._estimate = wanted, None
            self._say_estimate("1 picture ..." if not kind.moving else f"{wanted.shoot.pictures:,} pictures ...")
        self.preview.show(wanted)

    def _on_refused(self, sentence: str) -> None:
        """Say what cannot be beside the option that it is about; what was shown last stays."""
        self._together = complaint(ParamError(sentence))
        self._show_complaints()

    def _show_complaints(self) -> None:
        """Say what is wrong below each option; nothing can be exported until it is mended."""
        name, sentence = self._together
        for option in self.form.options:
            self.form.complain(option, self._typed.get(option) or (sentence if option == name else ""))
        self._enable()

    def _enable(self) -> None:
        """Let it be exported if nothing is wrong and nothing is asked."""
        good = not self._typed and not self._together[1]
        asked = not self.question.isHidden()
        self.go.setEnabled(good and not asked)
        for button in (self.copy_command, self.copy_python):
            button.setEnabled(good)

    def _moment(self, number: int) -> str:
        """Return which time of the panel a preview shows."""
        shoot, panel = self._shoot(), self.panel
        kind = self._kind()
        if panel.frame is None or self.draft.grid or (shoot.over or self._usual) != "time":
            return ""
        if not kind.moving:
            return f"{panel.time_name} = {panel.cursor_time(1.0) if shoot.at is None else shoot.at:.3g}"
        last = max(0, shoot.pictures - 1)
        return f"{panel.time_name} = {panel.cursor_time(shoot.fraction((0, last // 2, last)[number])):.3g}"

    def _on_drew(self, number: int, image: QImage) -> None:
        self.thumbs[number].show_image(image)
        self.thumbs[number].show_words(self._moment(number))

    def _on_estimated(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self._say_estimate("")

    def _say_estimate(self, instead: str) -> None:
        """Say what the export will take, and whether there is room for it."""
        if instead or self._estimate is None:
            self.words.setText(instead)
            return
        words = self._estimate.words()
        around = Path(self.draft.target).parent
        free = shutil.disk_usage(around).free if around.is_dir() else None
        if free is not None and free < self._estimate.bytes:
            words += f"; only {about_size(free).removeprefix('about ')} are free there"
        self.words.setText(words)

    def _look(self) -> None:
        """Draw again when the panel shows something else by now and rests, or anything at last."""
        seen = [(panel.frame, panel.session.state(panel.experiment)) for panel in self._panels()]
        if self._seen is None or len(seen) != len(self._seen):
            self._seen = seen
            return
        same = all(old[0] is new[0] and old[1] is new[1] for old, new in zip(self._seen, seen, strict=True))
        resting = not any(panel.running for panel in self._panels())
        if same or not (resting or any(frame is None for frame, _ in self._seen)):
            return
        self._seen = seen
        self._offer()
        self.draft = self._fitting(self.draft)
        self._show_draft()
        self.preview.again()

    def _offer(self) -> None:
        """Offer what the panel has and can by now."""
        over, part = self.form.controls["over"], self.form.controls["part"]
        assert isinstance(over, Choices)
        assert isinstance(part, Choices)
        over.offer(self._overs())
        for reason in self._blocked_training():
            over.block("Training", reason)
        part.offer(self._parts())

    def showEvent(self, event: QShowEvent) -> None:
        """Let the form have the width that it needs, which its style sheet decides."""
        for widget in self.form.findChildren(QWidget):
            widget.ensurePolished()
        self._scroll.setMinimumWidth(self.form.minimumSizeHint().width() + 10)
        super().showEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close with the window."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.close()
        return super().eventFilter(watched, event)

    def _end(self) -> None:
        """End the previews; exports go on."""
        self._watch.stop()
        self._restore.stop()
        self.preview.close()


def first_draft(window: MainWindow, panel: Panel[Any, Any]) -> Draft:
    """Return what the dialog begins with: the options of this panel's last export, under a name that is free."""
    earlier = read_recent(window.settings.exports)
    own = next((recent for recent in earlier if recent.panel == panel.experiment), None)
    shoot = own.draft().shoot if own is not None else Shoot(theme=window.theme_name)
    folder = next((Path(recent.path).parent for recent in earlier if Path(recent.path).parent.is_dir()), Path.home())
    ending = own.draft().format().name if own is not None else ".mp4"
    # The name of a preset of one's own is free text, with any sign in it.
    name = file_name(window.session.state(panel.experiment).preset) or panel.experiment
    path, number = with_ending(str(folder / name), ending), 1
    while Path(path).exists():
        number += 1
        path = with_ending(str(folder / f"{name}-{number}"), ending)
    return Draft(path=path, shoot=dataclasses.replace(shoot, at=None))


__all__ = ["ExportDialog", "start_export"]
