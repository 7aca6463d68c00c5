"""Every kind of request and result: the unions that cross the process border."""

from __future__ import annotations

from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import DescribePicture, LinesResult, ReadText
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.recommend import FilmsResult, RecommendFilms
from bot.tasks.request import Request
from bot.tasks.text_to_image import ConjurePicture, ImaginePicture
from bot.tasks.text_to_text import (
    AnswerQuestion,
    CandidatesResult,
    ClassifySentiment,
    CompleteText,
    FillMask,
    LabelsResult,
    QuotationsResult,
    Summarize,
    TextResult,
    Translate,
)

AnyRequest = (
    CompleteText
    | FillMask
    | Summarize
    | Translate
    | AnswerQuestion
    | ClassifySentiment
    | ImaginePicture
    | ConjurePicture
    | ReadText
    | DescribePicture
    | RestylePicture
    | RecommendFilms
)

Result = (
    TextResult
    | CandidatesResult
    | LabelsResult
    | QuotationsResult
    | LinesResult
    | Picture
    | PicturesResult
    | FilmsResult
)

REQUESTS: dict[str, type[Request]] = {kind.task(): kind for kind in AnyRequest.__args__}
"""Task name -> the struct that asks for it."""
