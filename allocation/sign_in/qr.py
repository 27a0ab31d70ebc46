"""A QR code to be photographed by a phone, as a picture drawn in lines."""

import io

import segno


def qr_code(text: str, scale: int = 5) -> str:
    """The text as SVG: black on white with its quiet zone, which readers need in a dark page as well."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", scale=scale, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return drawn.getvalue().decode("utf-8")
