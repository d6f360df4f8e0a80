"""Atomic writing and safe reading of files: no partial results, nothing lost, and nothing in a file that is read gets executed.

======================  ======================================================================================================
single files            :func:`atomic_path`, :func:`write_text`, :func:`write_json`, :func:`write_safetensors`
folders                 :func:`atomic_folder` with a :class:`FolderKind` (:class:`Saved` for results)
refusing before work    :func:`replaceable_folder`, :func:`check_writable`, :func:`existing_file`, :func:`existing_folder`,
                        :func:`file_or_folder`
reading                 :func:`read_json`, :func:`read_text`, :func:`read_safetensors`; :func:`read_folder` reads one state of a folder
damage                  ``manifest.json`` in every folder; :func:`check_files`, :func:`check_single`, :func:`read_manifest`;
                        of a single large file :class:`BlockHashes`
full disks              :func:`check_room`, which both writers ask
two writers             :func:`one_writer`, for work that lasts
links                   :func:`behind_links`, what a path leads to
======================  ======================================================================================================

The modules from the lowest to the highest: ``locks``, ``atomic``, ``formats``, ``blocks``, ``manifest``, ``folders``, ``reading``.
"""

from .atomic import atomic_path, behind_links, check_room
from .blocks import BlockHashes, blocks_file, write_blocks
from .folders import (
    FolderKind,
    Saved,
    atomic_folder,
    check_writable,
    replaceable_folder,
)
from .formats import (
    existing_file,
    is_whole_archive,
    path_exists,
    read_json,
    read_safetensors,
    read_text,
    text_lines,
    user_cache,
    write_json,
    write_safetensors,
    write_text,
)
from .locks import one_writer
from .manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    check_files,
    check_single,
    file_state,
    files_below,
    read_manifest,
    renew_record,
    write_manifest,
)
from .reading import existing_folder, file_or_folder, read_folder, recover_folder

__all__ = [
    "MANIFEST",
    "BlockHashes",
    "FileRecord",
    "FolderKind",
    "Manifest",
    "Saved",
    "atomic_folder",
    "atomic_path",
    "behind_links",
    "blocks_file",
    "check_files",
    "check_room",
    "check_single",
    "check_writable",
    "existing_file",
    "existing_folder",
    "file_or_folder",
    "file_state",
    "files_below",
    "is_whole_archive",
    "one_writer",
    "read_folder",
    "path_exists",
    "read_json",
    "read_manifest",
    "read_safetensors",
    "read_text",
    "recover_folder",
    "renew_record",
    "replaceable_folder",
    "text_lines",
    "user_cache",
    "write_blocks",
    "write_json",
    "write_manifest",
    "write_safetensors",
    "write_text",
]
