"""The provisioning DVD: an ISO 9660 + UDF bridge image with ovf-env.xml and, where there is custom data, CustomData.bin.

Guest contract 1.1 and fabric appendix A: the volume is UDF with a label that begins with rd_rdfe_. The ISO 9660 side carries
Rock Ridge names, because a reader of that side would fold `ovf-env.xml` to lower case at best and to OVF_ENV.XML;1 at worst.
"""

import io

LABEL = "rd_rdfe_stable"


def make(files: dict[str, bytes]) -> bytes:
    """The image. `files`: names in the root directory and their content."""
    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, vol_ident=LABEL, rock_ridge="1.09", udf="2.60")
    for number, (name, content) in enumerate(sorted(files.items())):
        image.add_fp(
            io.BytesIO(content),
            len(content),
            f"/FILE{number}.BIN;1",
            rr_name=name,
            udf_path=f"/{name}",
            file_mode=0o100444,
        )
    written = io.BytesIO()
    image.write_fp(written)
    image.close()
    return written.getvalue()


def files(image: bytes) -> dict[str, bytes]:
    """What an image of `make` holds."""
    import pycdlib

    opened = pycdlib.PyCdlib()
    opened.open_fp(io.BytesIO(image))
    found = {}
    for child in opened.list_children(udf_path="/"):
        if child is not None and child.is_file():
            content = io.BytesIO()
            name = child.file_identifier().decode()
            opened.get_file_from_iso_fp(content, udf_path=f"/{name}")
            found[name] = content.getvalue()
    opened.close()
    return found


def provisioning(ovf_env: bytes, custom_data: bytes | None = None) -> bytes:
    """The DVD of a first boot. `custom_data`: raw bytes, as the platform puts them beside the document."""
    files = {"ovf-env.xml": ovf_env}
    if custom_data is not None:
        files["CustomData.bin"] = custom_data
    return make(files)
