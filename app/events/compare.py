"""The third step: other codecs at the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from app import cards, comparison, memory, plots
from app.events.common import Handlers, designed, log, refuse
from app.session import Picture, Session
from hsc.errors import HSCError


class CompareEvents(Handlers):
    """Handlers of the third step."""

    def queue_up(self, request: gr.Request) -> dict:
        """The Compare step was opened: say that its turn comes, for other visitors may be before this one."""
        session = self._session(request)
        if session.compared is not None or session.picture is None or session.picture.crop is None or not session.data:
            return gr.skip()
        text = "One comparison runs at a time. The pictures appear here one by one."
        return {self.ui.grid: cards.empty("Waiting for its turn", text)}

    def compare(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> Iterator[dict]:
        """The Compare step was opened: ask every codec, and show what each gives as it comes."""
        ui, session = self.ui, self._session(request)
        picture, data = session.picture, session.data
        if picture is None:
            text = "The page was idle for too long: choose a face in the first step again."
            yield {ui.grid: cards.empty("There is no face any more", text)}
            return
        if picture.crop is None:
            text = (
                "A comparison needs the original, and this face came as a bitstream: open the photo in the"
                " first step."
            )
            yield {ui.grid: cards.empty("There is no original to compare with", text)}
            return
        if not data:
            text = "No codec can do anything in 0 bytes: move the bytes slider of the first step."
            yield {ui.grid: cards.empty("Nothing to compare", text)}
            return
        if session.compared is not None:
            return
        try:
            yield from self._compare(session, picture, data, progress)
        except HSCError as error:
            refuse(error)
        except Exception:
            log.exception("compare failed")
            gr.Warning("The comparison broke off; please open this step again.", title="Sorry", duration=8)
        finally:
            memory.release()

    def _compare(
        self, session: Session, picture: Picture, data: bytes, progress: Callable[..., object]
    ) -> Iterator[dict]:
        ui = self.ui
        progress(0, "Getting ready")
        yield {ui.grid: cards.empty("The codecs are getting ready", "Their pictures appear here one by one.")}
        chosen = [comparison.CurrentFile(self.studio.codec, data), *self.studio.rivals]
        names = comparison.working(chosen)
        pictures: dict[str, Path] = {}
        with session.lock:
            if session.data is not data:
                return  # another face meanwhile
            original = self._left(session)
        progress((0, len(names)), f"Asking {next(iter(names.values()))}", unit="codecs")
        yield {ui.grid: comparison.grid(original, [], {}, list(names.values())), ui.table: ""}
        for results in comparison.run(picture.crop, chosen, len(data), self.studio.judge):
            if session.data is not data:
                return  # another face meanwhile
            for result in results:
                if result.restored is not None and result.codec not in pictures:
                    note = f"A face restored by {result.name} from {result.bytes} bytes; not a photograph."
                    pictures[result.codec] = session.folder.png(result.restored, result.codec, note)
            done = {result.codec for result in results}
            waiting = [name for key, name in names.items() if key not in done]
            now = f"Asking {waiting[0]}" if waiting else "Measuring"
            progress((len(names) - len(waiting), len(names)), now, unit="codecs")
            yield {
                ui.grid: comparison.grid(original, results, pictures, waiting),
                ui.table: comparison.table(results),
            }
        with session.lock:
            if session.data is not data:
                return
            # The plot needs the numbers alone; the pictures are files by now.
            session.compared = tuple(replace(result, restored=None, data=None) for result in results)
        yield {
            ui.plot: self._plot(session, "lpips_alex"),
            ui.metric: gr.Radio(visible=True, value="lpips_alex"),
        }

    @designed
    def pick_metric(self, request: gr.Request, metric: str) -> dict:
        """Another metric for the plot."""
        session = self._session(request)
        return {self.ui.plot: self._plot(session, metric)} if session.compared else gr.skip()

    def _plot(self, session: Session, metric: str) -> gr.Plot:
        return gr.Plot(
            value=plots.rate_distortion(session.compared, metric, self.studio.benchmark), visible=True
        )
