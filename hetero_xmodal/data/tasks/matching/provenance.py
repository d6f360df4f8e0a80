"""Whether the features of data were made in the same way as those that a model was trained on."""

from __future__ import annotations

from typing import Any

from ....errors import InputError


def check_provenance(model: dict[str, Any], data: dict[str, Any]) -> None:
    """Refuse data whose regions or words were not made in the same way as those that a model was trained on.

    Parameters
    ----------
    model, data : vocabularies; an entry that one of them lacks is not compared.

    Raises
    ------
    InputError : an entry of the two provenances differs; the message gives both values.

    >>> check_provenance({"images": {"extractor": "grid", "side": 224}}, {"images": {"extractor": "grid", "side": 320}})
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: the model's regions have side 224, but those of the data have side 320; make them as the model's
    """
    for key, what in (("images", "regions"), ("texts", "words")):
        ours, theirs = model.get(key) or {}, data.get(key) or {}
        # a model takes any number of given regions, and the layout of their file is no matter
        skip = {"words", "detector_source", *(("k", "layout") if ours.get("extractor") == "given" else ())}
        for field in dict.fromkeys(("extractor", "encoder", "width", *ours)):
            if field in ours and field in theirs and ours[field] != theirs[field] and field not in skip:
                raise InputError(
                    f"the model's {what} have {field} {ours[field]!r}, but those of the data have {field} {theirs[field]!r}; make them as "
                    "the model's"
                )
