"""The second step's recipes: prepared ones that show themselves, undo and redo, text, chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

import gradio as gr

import directions
from app import cards, editing, recipes
from app.events.common import Handlers, user_errors
from app.session import Session
from app.view import face
from hsc.errors import HSCError


class RecipeEvents(Handlers):
    """Handlers that move all sliders at once; the page then lets go of them."""

    @user_errors
    def offer(self, request: gr.Request) -> Iterator[dict]:
        """The step was opened: show what the prepared recipes make of this face."""
        session = self.session(request)
        if not session.ready or session.offered is session.data:
            return
        with session.lock:
            data, whole = session.data, self.studio.whole(session)
            session.offered = data
        shown: list[tuple[str, Mapping[str, float], str]] = [(*each, "") for each in self._prepared()]
        yield {self.ui.presets: cards.recipe_strip(shown)}
        for index, (title, recipe) in enumerate(self._prepared()):
            with self.studio.lanes.look.place():
                if session.data is not data:
                    return
                picture = self.studio.codec.render_preview(editing.move(self.studio.codec, whole, recipe))
            shown[index] = title, recipe, cards.small(picture, 112)
            yield {self.ui.presets: cards.recipe_strip(shown)}

    @user_errors
    def pick_preset(self, request: gr.Request, index: float | None) -> dict:
        """A prepared recipe was clicked: it takes the place of the edits that there are."""
        prepared = self._prepared()
        if index is None or not 0 <= index < len(prepared):
            return gr.skip()
        session = self.session(request)
        face(session)
        return self._sliders(session, prepared[round(index)][1])

    @user_errors
    def surprise(self, request: gr.Request) -> dict:
        """A recipe by chance."""
        session = self.session(request)
        face(session)
        return self._sliders(session, recipes.surprise(editing.shipped(), random.Random()))

    @user_errors
    def write(self, request: gr.Request, text: str | None) -> dict:
        """A recipe was written or pasted as text."""
        session = self.session(request)
        face(session)
        if text and len(text) > 2000:
            raise HSCError("That is too long for a recipe.")
        recipe = recipes.read(text or "", {each.name: each.label for each in editing.shipped()})
        directions.combine(recipe)
        return self._sliders(session, recipe)

    @user_errors
    def undo(self, request: gr.Request) -> dict:
        """The version before."""
        return self._version(self.session(request), lambda history: history.at - 1)

    @user_errors
    def redo(self, request: gr.Request) -> dict:
        """The version after, that was undone."""
        return self._version(self.session(request), lambda history: history.at + 1)

    @user_errors
    def pick_version(self, request: gr.Request, index: float | None) -> dict:
        """A version was clicked."""
        return gr.skip() if index is None else self._version(self.session(request), lambda _: round(index))

    def _version(self, session: Session, where: Callable[[recipes.History], int]) -> dict:
        """Go to a version: its recipe is the session's at once, so that several steps in haste are as many steps."""
        face(session)
        with session.lock:
            recipe = session.history.go(where(session.history))
            session.strengths, session.edited, session.asked = dict(recipe), None, session.asked + 1
            return self._sliders(session, recipe)

    def _prepared(self) -> list[tuple[str, dict[str, float]]]:
        return recipes.offered(self.ui.sliders)

    def _sliders(self, session: Session, recipe: Mapping) -> dict:
        """All sliders at a recipe's strengths."""
        view = {slider: recipe.get(name, 0.0) for name, slider in self.ui.sliders.items()}
        view[self.ui.own_strength] = recipe.get(session.foreign, 0.0)
        return view
