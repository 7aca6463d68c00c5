"""Small random checkpoints in the file layout of their hub repositories, old ways and all.

What they hold is chance; which files there are, under which names, with which settings and keys, is
as in facebook/bart-large-cnn, facebook/m2m100_418M, NLLB, Marian's, google/mt5-base, TrOCR and
kha-white/manga-ocr-base.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    GPT2Config,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MT5Config,
    MT5ForConditionalGeneration,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

CORPUS = [
    "the quick brown fox jumps over the lazy dog.",
    "der schnelle braune Fuchs springt über den faulen Hund.",
    "le chat noir dort sur la table. Good morning, how are you today?",
] * 20
M2M_LANGUAGES = FAIRSEQ_LANGUAGE_CODES["m2m100"]
NLLB_LANGUAGES = ["deu_Latn", "eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant", "ace_Arab"]
SPECIAL = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
END = "<|endoftext|>"
SHARP = 0.3  # a net whose logits lie apart
SMALL = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "init_std": SHARP,
}  # fmt: skip


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def pieces(path: Path, kind: str, size: int, **options: Any) -> list[str]:
    """Write a SentencePiece model; return its pieces by id."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, model_type=kind, vocab_size=size,
        hard_vocab_limit=False, minloglevel=2, **options,
    )  # fmt: skip
    path.write_bytes(model.getvalue())
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [found.id_to_piece(number) for number in range(found.get_piece_size())]


def weights(folder: Path, net: Any, *, old: bool = True) -> None:
    """Write a net's weights as the hub has them: one .bin of before, or safetensors."""
    state = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    if old:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        shared = ("encoder.embed_tokens", "decoder.embed_tokens", "lm_head")
        kept = {k: t for k, t in state.items() if not any(name in k for name in shared)}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def config(folder: Path, net: Any, **legacy: Any) -> None:
    """Write config.json with generation settings in it, as before there was a file for them."""
    content = net.config.to_dict() | {"architectures": [type(net).__name__]} | legacy
    write(folder / "config.json", content)


def bart(folder: Path) -> Path:
    """facebook/bart-large-cnn: byte-level BPE, no tokenizer_config.json, settings for news."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    write(folder / "vocab.json", vocabulary | {"<mask>": len(vocabulary)})
    torch.manual_seed(0)
    news = {
        "num_beams": 4, "length_penalty": 2.0, "max_length": 24, "min_length": 9,
        "no_repeat_ngram_size": 3, "early_stopping": True,
    }  # fmt: skip
    net = BartForConditionalGeneration(
        BartConfig(vocab_size=len(vocabulary) + 1, max_position_embeddings=64, **SMALL)
    )
    config(
        folder, net, **news, forced_bos_token_id=0, forced_eos_token_id=2,
        task_specific_params={"summarization": news},
    )  # fmt: skip
    weights(folder, net, old=False)
    return folder


def m2m100(folder: Path) -> Path:
    """facebook/m2m100_418M: a tokenizer in Python only, with languages behind the vocabulary."""
    made = pieces(folder / "sentencepiece.bpe.model", "bpe", 150)
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for piece in made[3:]:
        vocabulary[piece] = len(vocabulary)
    write(folder / "vocab.json", vocabulary)
    languages = [f"__{code}__" for code in M2M_LANGUAGES]
    write(
        folder / "special_tokens_map.json",
        SPECIAL | {"bos_token": "<s>", "sep_token": "</s>", "additional_special_tokens": languages},
    )
    write(
        folder / "tokenizer_config.json",
        SPECIAL | {"src_lang": None, "tgt_lang": None, "bos_token": "<s>", "sep_token": "</s>"}
        | {"tokenizer_class": "M2M100Tokenizer", "num_madeup_words": 8, "model_max_length": 1024},
    )  # fmt: skip
    torch.manual_seed(1)
    net = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(vocabulary) + len(languages) + 8, max_position_embeddings=1024,
            scale_embedding=True, decoder_start_token_id=2, **SMALL,
        )
    )  # fmt: skip
    config(folder, net, num_beams=5, max_length=30, early_stopping=True)
    weights(folder, net)
    return folder


def nllb(folder: Path) -> Path:
    """facebook/nllb-200-distilled-600M: a fast tokenizer whose languages are special tokens."""
    made = pieces(folder / "sentencepiece.bpe.model", "bpe", 150)
    settings = SPECIAL | {"bos_token": "<s>", "sep_token": "</s>", "cls_token": "<s>"}
    settings |= {"mask_token": "<mask>", "additional_special_tokens": NLLB_LANGUAGES}
    write(folder / "special_tokens_map.json", settings)
    write(folder / "tokenizer_config.json", settings | {"tokenizer_class": "NllbTokenizer"})
    torch.manual_seed(2)
    size = len(made) + 1 + len(NLLB_LANGUAGES) + 1
    net = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=size, max_position_embeddings=256, decoder_start_token_id=2, **SMALL
        )
    )
    config(folder, net, max_length=30, tokenizer_class="NllbTokenizer")
    weights(folder, net)
    return folder


def marian(folder: Path, targets: tuple[str, ...] = ()) -> Path:
    """Helsinki-NLP/opus-mt-*: two SentencePiece models, one vocab.json, perhaps ``>>de<<``."""
    made = [*pieces(folder / "source.spm", "bpe", 120), *pieces(folder / "target.spm", "bpe", 140)]
    names = ["</s>", "<unk>", *(f">>{code}<<" for code in targets), *made]
    vocabulary: dict[str, int] = {}
    for name in names:
        if name != "<s>":
            vocabulary.setdefault(name, len(vocabulary))
    vocabulary["<pad>"] = len(vocabulary)
    write(folder / "vocab.json", vocabulary)
    named = {} if targets else {"source_lang": "en", "target_lang": "de"}
    write(folder / "tokenizer_config.json", named | {"tokenizer_class": "MarianTokenizer"})
    torch.manual_seed(3)
    padding = vocabulary["<pad>"]
    net = MarianMTModel(
        MarianConfig(
            vocab_size=padding + 1, decoder_start_token_id=padding, pad_token_id=padding,
            eos_token_id=0, bos_token_id=0, max_position_embeddings=64, **SMALL,
        )
    )  # fmt: skip
    config(folder, net, bad_words_ids=[[padding]], num_beams=6, max_length=40, bos_token_id=0)
    weights(folder, net)
    return folder


def mt5(folder: Path, **legacy: Any) -> Path:
    """google/mt5-base: spiece.model alone, sentinels among its pieces, a head of its own."""
    holes = [f"▁<extra_id_{number}>" for number in range(99, -1, -1)]
    made = pieces(
        folder / "spiece.model", "unigram", 220, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        user_defined_symbols=holes,
    )  # fmt: skip
    write(folder / "special_tokens_map.json", SPECIAL)
    write(
        folder / "tokenizer_config.json",
        SPECIAL | {"extra_ids": 0, "additional_special_tokens": None, "tokenizer_file": None}
        | {"tokenizer_class": "T5Tokenizer", "sp_model_kwargs": {}},
    )  # fmt: skip
    torch.manual_seed(4)
    net = MT5ForConditionalGeneration(
        MT5Config(
            vocab_size=len(made) + 4, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2,
            num_decoder_layers=2, tie_word_embeddings=False, decoder_start_token_id=0,
        )
    )  # fmt: skip
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    config(folder, net, **legacy)
    weights(folder, net)
    return folder


VIT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "patch_size": 8, "initializer_range": SHARP, "qkv_bias": False,
}  # fmt: skip


def trocr(folder: Path) -> Path:
    """microsoft/trocr-base-printed: RoBERTa's vocabulary, a feature extractor of the old kind."""
    bart(folder)
    (folder / "model.safetensors").unlink()
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    write(folder / "tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"})
    write(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor"}
        | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "size": 32},
    )
    torch.manual_seed(5)
    decoder = TrOCRConfig(
        vocab_size=len(vocabulary), d_model=24, decoder_layers=2, decoder_attention_heads=2,
        decoder_ffn_dim=32, max_position_embeddings=64, cross_attention_hidden_size=16,
        layernorm_embedding=True, decoder_start_token_id=2, init_std=SHARP,
    )  # fmt: skip
    pair(folder, ViTConfig(image_size=32, **VIT), decoder, pooled=False)
    return folder


def vit_gpt2(folder: Path) -> Path:
    """nlpconnect/vit-gpt2-image-captioning: GPT-2's vocabulary, one token for begin, end, padding.

    The decoder's file holds the masks of before; no length is named anywhere.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=319, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([END])
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))
    end = tokenizer.token_to_id(END)
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END)
    write(folder / "special_tokens_map.json", special)
    write(
        folder / "tokenizer_config.json",
        special | {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024},
    )
    write(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor"}
        | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "size": 32},
    )
    torch.manual_seed(7)
    decoder = GPT2Config(
        vocab_size=end + 1, n_embd=16, n_layer=2, n_head=2, n_positions=64,
        initializer_range=SHARP, bos_token_id=end, eos_token_id=end,
    )  # fmt: skip
    pair(
        folder, ViTConfig(image_size=32, **{**VIT, "qkv_bias": True}), decoder,
        decoder_start_token_id=end, bos_token_id=end, eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for layer in range(2):
        for attention in ("attn", "crossattention"):
            at = f"decoder.transformer.h.{layer}.{attention}"
            state[f"{at}.bias"] = torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()
            state[f"{at}.masked_bias"] = torch.tensor(-1e4)
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def blip(folder: Path) -> Path:
    """Salesforce/blip-image-captioning-base: BERT's pieces and two more, a tied head, old ids."""
    words = sorted({word.strip(".,?") for line in CORPUS[:3] for word in line.lower().split()})
    pieces_ = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *(f"##{c}" for c in "abcde")]
    (folder / "vocab.txt").write_text("\n".join(pieces_) + "\n", encoding="utf-8")
    begin = len(pieces_)
    names = {"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]"}
    names |= {"sep_token": "[SEP]", "unk_token": "[UNK]"}
    extra = {"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]}
    write(folder / "special_tokens_map.json", names)
    settings = names | extra | {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}
    write(folder / "tokenizer_config.json", settings | {"model_max_length": 64})
    write(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "image_processor_type": "BlipImageProcessor"}
        | {"image_mean": [0.48145466, 0.4578275, 0.40821073], "resample": 3, "do_pad": True}
        | {"image_std": [0.26862954, 0.26130258, 0.27577711], "size": {"height": 32, "width": 32}}
        | {"processor_class": "BlipProcessor"},
    )
    torch.manual_seed(8)
    text = {
        "vocab_size": begin + 2, "hidden_size": 32, "encoder_hidden_size": 24, "eos_token_id": 2,
        "intermediate_size": 64, "projection_dim": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 64, "initializer_range": SHARP,
        "bos_token_id": begin, "sep_token_id": 3, "pad_token_id": 0, "is_decoder": True,
    }  # fmt: skip
    vision = {
        "hidden_size": 24, "intermediate_size": 32, "projection_dim": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8, "initializer_range": SHARP,
    }  # fmt: skip
    net = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    for name, parameter in net.named_parameters():
        lively = 2.0 if "crossattention" in name else 0.5  # or it says one word again and again
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=lively)
    config(folder, net)
    weights(folder, net)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    state["text_decoder.bert.embeddings.position_ids"] = torch.arange(64)[None]
    torch.save(state, folder / "pytorch_model.bin")
    return folder


KANA = "あいうえおかきくけこさしすせそ漢字本日語人一二三アイウエオ。、・.…!?ABCabc123"


def manga_ocr(folder: Path, longest: int = 30) -> Path:
    """kha-white/manga-ocr-base: characters of BERT for Japanese, which would like MeCab."""
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *KANA, *(f"##{c}" for c in KANA)]
    (folder / "vocab.txt").write_text("\n".join(letters) + "\n", encoding="utf-8")
    write(
        folder / "tokenizer_config.json",
        {"do_lower_case": False, "word_tokenizer_type": "mecab"}
        | {"subword_tokenizer_type": "character", "mecab_kwargs": {"mecab_dic": "unidic_lite"}}
        | {"tokenizer_class": "BertJapaneseTokenizer"},
    )  # fmt: skip
    write(
        folder / "preprocessor_config.json",
        {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor"}
        | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "size": 32},
    )
    torch.manual_seed(6)
    decoder = BertConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=max(64, longest), initializer_range=SHARP,
    )  # fmt: skip
    pair(
        folder, ViTConfig(image_size=32, **VIT), decoder, decoder_start_token_id=2, eos_token_id=3,
        pad_token_id=0, max_length=longest, num_beams=4, length_penalty=2.0, no_repeat_ngram_size=3,
        early_stopping=True,
    )  # fmt: skip
    return folder


def pair(folder: Path, encoder: Any, decoder: Any, *, pooled: bool = True, **legacy: Any) -> None:
    """Write a net of two; TrOCR's files lack the pooler, which nothing reads."""
    both = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    net = VisionEncoderDecoderModel(both)
    if not pooled:
        net.encoder.pooler = None
    config(folder, net, **legacy)
    weights(folder, net)
