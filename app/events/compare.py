"""The third step: other codecs at the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from app import cards, compare_cards, compare_files, comparison, languages, memory, plots, rivals
from app.events.common import Handlers, log, refuse, user_errors
from app.session import Picture, Session
from hsc.compare import report
from hsc.errors import HSCError


class CompareEvents(Handlers):
    """Handlers of the third step."""

    def queue_up(self, request: gr.Request) -> dict:
        """The Compare step was opened: say that its turn comes, for other visitors may be before this one."""
        session = self.session(request)
        if session.compared is not None or session.picture is None or session.picture.crop is None or not session.data:
            return gr.skip()
        text = "One comparison runs at a time. The pictures appear here one by one."
        return {self.ui.grid: cards.empty("Waiting for its turn", text)}

    def compare(self, request: gr.Request) -> Iterator[dict]:
        """The Compare step was opened: ask every codec, and show what each gives as it comes."""
        ui, session = self.ui, self.session(request)
        picture, data = session.picture, session.data
        if picture is None:
            text = "The page was idle for too long: choose a face in the first step again."
            yield {ui.grid: cards.empty("There is no face any more", text)}
            return
        if picture.crop is None:
            text = (
                "A comparison needs the original, and this face came as a bitstream: open the photo in the first step."
            )
            yield {ui.grid: cards.empty("There is no original to compare with", text)}
            return
        if not session.ready:
            text = "Its file is being made: open this step again when it is there."
            yield {ui.grid: cards.empty("The face is still on its way", text)}
            return
        if not data:
            text = "No codec can do anything in 0 bytes: move the bytes slider of the first step."
            yield {ui.grid: cards.empty("Nothing to compare", text)}
            return
        if session.compared is not None:
            return
        try:
            yield from self._compare(session, picture, data)
        except HSCError as error:
            refuse(error)
        except Exception:
            log.exception("compare failed")
            broken = languages.said("The comparison broke off; please open this step again.")
            gr.Warning(broken, duration=8)
        finally:
            memory.release()

    def _compare(self, session: Session, picture: Picture, data: bytes) -> Iterator[dict]:
        ui = self.ui
        yield {
            ui.working: cards.progress("The codecs are getting ready"),
            ui.grid: cards.empty("The codecs are getting ready", "Their pictures appear here one by one."),
        }
        chosen = [comparison.CurrentFile(self.studio.codec, data), *self.studio.rivals]
        names = comparison.working(chosen)
        pictures: dict[str, Path] = {}
        with session.lock:
            if session.data is not data:
                return  # another face meanwhile
            original = self.view.left(session)
        yield {
            ui.working: self._asking(names, list(names.values())),
            ui.grid: compare_cards.grid(original, [], {}, list(names.values())),
            ui.table: "",
        }
        for results in comparison.run(picture.crop, chosen, len(data), self.studio.judge):
            if session.data is not data:
                return  # another face meanwhile
            for result in results:
                if result.restored is not None and result.codec not in pictures:
                    note = f"A face restored by {result.name} from {result.bytes} bytes; not a photograph."
                    pictures[result.codec] = session.folder.png(
                        result.restored, result.codec, note, rivals.source(result.codec)
                    )
            done = {result.codec for result in results}
            waiting = [name for key, name in names.items() if key not in done]
            yield {
                ui.working: self._asking(names, waiting),
                ui.grid: compare_cards.grid(original, results, pictures, waiting),
                ui.table: compare_cards.table(results),
            }
        with session.lock:
            if session.data is not data:
                return
            # The plot needs the numbers alone; the pictures are files by now.
            session.compared = tuple(replace(result, restored=None, data=None) for result in results)
            csv = session.folder.data(compare_files.numbers(session.compared).encode(), "comparison.csv")
            page = compare_files.report(original, session.compared, pictures)
            html = session.folder.data(page.encode(), "comparison.html")
        measured = comparison.measured(session.compared)
        chosen_metric = measured[0] if measured else None
        yield {
            ui.working: cards.progress(""),
            ui.csv: gr.DownloadButton(value=str(csv), visible=True),
            ui.html: gr.DownloadButton(value=str(html), visible=True),
            ui.plot: self._plot(session, chosen_metric) if measured else gr.Plot(value=None, visible=False),
            ui.metric: gr.Radio(
                [(report.COLUMNS[name][0], name) for name in measured], visible=bool(measured), value=chosen_metric
            ),
        }

    @staticmethod
    def _asking(names: dict[str, str], waiting: list[str]) -> str:
        """Which codec is at work."""
        text = f"Asking {waiting[0]}" if waiting else "Measuring"
        done = len(names) - len(waiting)
        return cards.progress(f"{text}, {done} of {len(names)} done", done, len(names))

    @user_errors
    def pick_metric(self, request: gr.Request, metric: str) -> dict:
        """Another metric for the plot."""
        session = self.session(request)
        return {self.ui.plot: self._plot(session, metric)} if session.compared else gr.skip()

    def _plot(self, session: Session, metric: str) -> gr.Plot:
        return gr.Plot(value=plots.rate_distortion(session.compared, metric, self.studio.benchmark), visible=True)
