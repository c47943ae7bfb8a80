"""Makes certificates for tests with openssl: an authority's, and those that it signs for servers."""

import subprocess
from pathlib import Path
from typing import NamedTuple

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """A certificate and its key, both as files."""

    file: Path
    key: Path


class Authority:
    """An authority has a certificate of its own, with which it signs those of servers."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._own = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl(
            "req", "-x509", *KEY, "-subj", f"/CN={name}", "-days", "2", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", str(self._own.key), "-out", str(self._own.file),
        )  # fmt: skip

    @property
    def file(self) -> Path:
        """Returns its certificate."""
        return self._own.file

    def signed(self, *hosts: str) -> Certificate:
        """Returns a server's certificate for these hosts, e.g. `DNS:localhost`."""
        stem = self._folder / f"{self.file.stem}-{hosts[0].partition(':')[2]}"
        made = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={','.join(hosts)}\n")
        _openssl("req", *KEY, "-subj", "/CN=server", "-keyout", str(made.key), "-out", str(request))
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey", str(self._own.key),
            "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(made.file),
        )  # fmt: skip
        return made


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
