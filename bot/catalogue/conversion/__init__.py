"""Turns the files of a checkpoint into what its family reads; each run is a process of its own.

A module of this package for each kind of source, with a function ``convert(files, folder, dtype)``
that writes what the family reads into an empty folder. ``python -m bot.catalogue.conversion KIND
DTYPE FOLDER FILE...`` runs one: the bot never loads torch, and what a conversion needs of memory
goes back when it ends. Nothing here touches the network. A conversion that takes long says
``step 3/10`` in a line of its own now and then; what it would go on from after a stop lies beside
the files that it reads.
"""

KINDS = {
    "gguf": "*.gguf",
    "onnx": "*.onnx",
    "safetensors": "config.json",
    "flax": "flax_model.msgpack",
    "biggan": "pytorch_model.bin",
    "saved_model": "saved_model.pb",
    "vgg": "model.safetensors",
    "zip": "*.zip",
    "movielens": "*.inter",
    "bergamot": "model.*.bin",
}
"""What a catalogue entry's ``convert`` may say, and the files (a pattern) that it is given."""
