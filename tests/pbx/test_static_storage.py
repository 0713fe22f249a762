from __future__ import annotations

import gzip
import re

import brotli

from pbx.static_storage import HashedStaticFiles


def test_a_module_imports_the_hashed_names_and_nothing_is_kept_under_a_plain_one(tmp_path):
    (tmp_path / "page.js").write_text('import { clock, element } from "./dom.js";\nelement(clock());\n')
    (tmp_path / "dom.js").write_text("export const clock = () => 1, element = (x) => x;\n" * 20)
    storage = HashedStaticFiles(location=tmp_path, base_url="/static/")

    processed = list(storage.post_process({name: (storage, name) for name in ("page.js", "dom.js")}))

    assert not [outcome for *_, outcome in processed if isinstance(outcome, Exception)]
    page = (tmp_path / storage.hashed_files["page.js"]).read_text()
    imported = re.search(r'from "\./(.+)"', page)[1]
    assert re.fullmatch(r"dom\.[0-9a-f]{12}\.js", imported)
    assert (tmp_path / imported).exists()
    assert (tmp_path / f"{imported}.br").exists()
    assert not (tmp_path / "dom.js").exists()
    assert storage.url("page.js") == f"/static/{storage.hashed_files['page.js']}"


def test_both_compressed_forms_are_the_file_and_much_smaller(tmp_path):
    words = "".join(f".a{number} {{ color: #{number:06x}; }}\n" for number in range(2000)).encode()
    (tmp_path / "page.css").write_bytes(words)
    storage = HashedStaticFiles(location=tmp_path, base_url="/static/")

    list(storage.post_process({"page.css": (storage, "page.css")}))

    hashed = tmp_path / storage.hashed_files["page.css"]
    for suffix, decompress in ((".br", brotli.decompress), (".gz", gzip.decompress)):
        compressed = hashed.with_name(hashed.name + suffix).read_bytes()
        assert decompress(compressed) == words
        assert len(compressed) < len(words) / 3
