"""Reading images: any supported file, PIL image or array becomes an upright 8-bit RGB image.

>>> import numpy as np
>>> from hetero_xmodal.images import read_image
>>> read_image(np.zeros((4, 6), np.uint8)).size        # width, height
(6, 4)
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .files import existing_file

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image, ImageFile

    ImageLike = str | Path | Image.Image | np.ndarray

#: A file that claims more pixels than this is refused as a decompression bomb (a 12,000 x 12,000 image still passes).
MAX_PIXELS = 150_000_000

#: Raster formats only: Pillow's EPS and PDF readers start other programs, which reading an image must never do.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA", "ICO", "JPEG2000", "AVIF", "PCX")

_EXIF_ORIENTATION = 0x0112


def read_image(image: ImageLike) -> Image.Image:
    """Return *image* as an upright 8-bit RGB ``PIL.Image``.

    Parameters
    ----------
    image : path of an image file, a ``PIL.Image``, or a uint8 array of shape (height, width), (height, width, 1),
        (height, width, 3) or (height, width, 4).

    The EXIF orientation is applied, an animation is reduced to its first frame, transparency (an alpha channel, or the one colour that a
    PNG's tRNS chunk declares transparent) is composited on white, and greyscale (8 and 16 bit), palette and CMYK images are converted.

    Raises
    ------
    InputError
        If the image is missing, empty, truncated, no image, of an unusable shape or dtype, or larger than :data:`MAX_PIXELS`.
    """
    return read_reduced(image)[0]


def read_reduced(image: ImageLike, longest_side: int | None = None) -> tuple[Image.Image, tuple[int, int]]:
    """Like :func:`read_image`, downscaled so that no side exceeds *longest_side*; also returns the original (width, height).

    JPEG files are downscaled while they are decoded, others before they are converted to RGB, so that an image of 10,000 x 10,000
    pixels needs the memory of one decoded copy (at most 4 bytes a pixel).

    Raises
    ------
    InputError
        As in :func:`read_image`.

    >>> import numpy as np
    >>> small, size = read_reduced(np.zeros((100, 300, 3), np.uint8), longest_side=30)
    >>> small.size, size
    ((30, 10), (300, 100))
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if callable(image):  # a record of generated data has a function that draws its image
        image = image()
    opened: ImageFile.ImageFile | None = None
    decoded: Image.Image
    name = "the image"
    try:
        if isinstance(image, str | Path):
            path = existing_file(image, "image")
            name = f"image '{path}'"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is checked below
                Image.init()  # the formats available depend on Pillow's version and build
                opened = decoded = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
        elif isinstance(image, Image.Image):
            decoded = image
        else:
            decoded = _from_array(image)
        _check_pixels(decoded.size, name)
        _refuse_deep_integers(decoded, name)
        decoded = _with_key_colour(decoded)
        if decoded.getexif().get(_EXIF_ORIENTATION, 1) >= 5:  # rotated by 90 degrees
            size = decoded.size[::-1]
        else:
            size = decoded.size
        if longest_side is not None and max(size) > longest_side:
            decoded = _shrink(decoded, longest_side)
        decoded.load()
        return _to_rgb(ImageOps.exif_transpose(decoded), name), size
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image this package can read; give one of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name} claims more than {MAX_PIXELS:,} pixels and is refused; shrink it first") from None
    except InputError:
        raise
    except (  # what Pillow raises on broken files
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
    ) as error:
        raise InputError(f"{name} cannot be decoded ({error}); the file may be truncated or damaged") from None
    finally:
        if opened is not None:
            opened.close()


def _from_array(array) -> Image.Image:
    import numpy as np
    from PIL import Image

    if not isinstance(array, np.ndarray):
        raise InputError(f"image is a {type(array).__name__}; give a path, a PIL image or a uint8 array of shape (height, width, 3)")
    if array.dtype != np.uint8:
        raise InputError(f"image is an array of {array.dtype}; give uint8 values 0..255")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InputError(f"image is an array of shape {array.shape}; give (height, width, 3) with at least one pixel")
    return Image.fromarray(np.ascontiguousarray(array))


def _check_pixels(size: tuple[int, int], name: str) -> None:
    if min(size) < 1:
        raise InputError(f"{name} has no pixels ({size[0]} x {size[1]})")
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"{name} has {size[0]} x {size[1]} pixels, more than the limit of {MAX_PIXELS:,}; shrink it first")


def _refuse_deep_integers(image: Image.Image, name: str) -> None:
    """Refuse integers of 32 bits, whose range the file does not say: 200 may be of 0..255, of 0..65535 or of more.

    Some versions of Pillow open PNG and PPM files of 16 bits in that mode, with values of 0..65535.
    """
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise InputError(f"{name} holds integer pixels of 32 bits, whose range is not known; save it with 8 or 16 bits a channel")


def _with_key_colour(image: Image.Image) -> Image.Image:
    """*image*, its transparent colour (a PNG's tRNS chunk) in the units of its pixels.

    Pillow scales grey pixels of two and four bits to 0..255 and keeps the upper half of 16-bit colours, but leaves the transparent colour
    as it stands in the file. The file's format is known until the image is decoded, so a caller's image is left undecoded.
    """
    colour = image.info.get("transparency")
    stored = next((tile.args for tile in getattr(image, "tile", ())), None)
    if colour is None or stored not in ("L;2", "L;4", "RGB;16B"):
        return image
    from PIL import Image

    file = image.fp  # type: ignore[attr-defined]
    place = file.tell()
    file.seek(0)
    contents = file.read()
    file.seek(place)
    again = Image.open(io.BytesIO(contents), formats=["PNG"])
    if stored == "RGB;16B":
        return _without_deep_colour(again, Image.open(io.BytesIO(contents), formats=["PNG"]), colour)
    again.info["transparency"] = colour * {"L;2": 85, "L;4": 17}[stored]
    return again


def _without_deep_colour(image: Image.Image, low: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Composite the pixels of a 16-bit PNG that equal *colour* in all 48 bits on white; *low* is the same file, opened a second time."""
    import numpy as np
    from PIL import Image

    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]  # type: ignore[attr-defined]  # little-endian: the lower half
    pixels, wanted = np.array(image), np.asarray(colour)
    pixels[(pixels == wanted >> 8).all(2) & (np.asarray(low) == wanted & 255).all(2)] = 255
    clean = Image.fromarray(pixels)
    clean.getexif().update(image.getexif())
    return clean


def _shrink(image: Image.Image, longest_side: int) -> Image.Image:
    """Downscale to *longest_side*, keeping the EXIF data."""
    from PIL import Image

    if (
        image.mode not in ("RGB", "L", "CMYK") or "transparency" in image.info
    ):  # palettes and transparency must be resolved before pixels are averaged
        exif = image.getexif()
        if max(image.size) > 4 * longest_side:  # subsample first, so that the converted copy stays small
            step = max(image.size) // (4 * longest_side)
            image = image.resize((max(1, image.width // step), max(1, image.height // step)), Image.Resampling.NEAREST)
        image = _to_rgb(image, "the image")
        image.getexif().update(exif)
    scale = longest_side / max(image.size)
    target = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image.draft("RGB" if image.mode == "RGB" else None, target)  # JPEG: decode at 1/2, 1/4 or 1/8; no effect elsewhere
    exif = image.getexif()
    small = image.resize(target, Image.Resampling.BICUBIC, reducing_gap=3.0)
    small.getexif().update(exif)
    return small


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey
        import numpy as np

        grey = np.asarray(image)
        eight = (grey.astype(np.int64).clip(0, 65535) // 257).astype(np.uint8)
        if "transparency" in image.info:
            eight[grey == image.info["transparency"]] = 255
        return Image.fromarray(eight).convert("RGB")
    if image.mode == "F":
        raise InputError(f"{name} holds floating-point pixels; save it with 8 bits a channel")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")
