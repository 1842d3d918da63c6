"""Dependencies on one certain package file of a server: the solver sees the file itself.

py-rattler finds a file that it has fetched by its name alone (conda/rattler,
`crates/rattler_repodata_gateway/src/gateway/direct_url_query.rs`), so that of two servers that have
files of one name, one would be believed to have the other's. Here it is fetched into our cache,
which goes by content, and read there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.fetch_specs import solver_text
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.file_urls import file_url

_URL = re.compile(r"""(?<=[\[, ])url=(["']?)(https?://[^"'\s\]]+)\1""")
_DIGEST = re.compile(r"""(?<=[\[, ])(sha256|md5)=["']?([0-9a-fA-F]{32,64})["']?""")
_NAME = re.compile(r"[^\s\[=<>!~]+")


@dataclass
class DirectFiles:
    """What one solve is told of files of servers.

    `addresses` has the URLs of servers by those of the files that stand for them.
    """

    table: ChannelTable
    files: PackageFiles
    addresses: dict[str, str] = field(default_factory=dict)

    def text(self, spec: str) -> str:
        """A match spec as the solver reads it: the URL of a server became that of a file here, and
        a channel the place that it is read from.

        Raises as `PackageFiles.path_of` does.
        """
        return self.of_file(solver_text(spec, self.table))

    def of_file(self, spec: str) -> str:
        """The same, where the channel is already where it is read from."""
        return _URL.sub(lambda match: f'url="{self._fetched(spec, match[2])}"', spec)

    def _fetched(self, spec: str, url: str) -> str:
        digests = {kind: text.lower() for kind, text in _DIGEST.findall(spec)}
        name = _NAME.match(spec.strip())
        facts = PackageFacts(
            name=name[0] if name is not None else spec,
            url=url,
            file_name=unquote(urlsplit(url).path.rpartition("/")[2]),
            sha256=digests.get("sha256"),
            md5=digests.get("md5"),
        )
        local = file_url(self.files.path_of(facts))
        self.addresses[local] = url
        return local
