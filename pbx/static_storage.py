"""How the static files are stored: under names that carry a hash of what is in them, compressed, and kept for ever by browsers."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage

__all__ = ["HashedStaticFiles"]


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names in `import … from "./x.js"` are hashed as well, so an upgrade never mixes old modules with new ones.

    With that nothing asks for a file by its plain name any more, and those are not kept: compressing them too would
    double the first start.
    """

    support_js_module_import_aggregation = True
    keep_only_hashed_files = True
