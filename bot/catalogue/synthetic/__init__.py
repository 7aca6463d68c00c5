"""Stand-ins for repositories of the hub: the very files, names and sizes, with weights of chance.

A module for each family, with ``write(folder)``: what it writes is what a fetch would have brought,
old names, old formats and missing files included. What models take of time and memory does not
depend on what their weights mean, so it can be measured without the hub
(``python -m bot models check ID --synthetic``); whether answers are right, it does not say.

``python -m bot.catalogue.synthetic REPO FOLDER`` writes one, in a process of its own: this package
loads torch, the bot does not. Texts of these nets do not end by themselves: the ids that end a text
have logits that are never the highest.
"""

WRITERS = {
    "openai-community/gpt2": "causal_lm",
    "distilbert/distilgpt2": "causal_lm",
    "EleutherAI/gpt-j-6b": "causal_lm",
    "facebook/opt-125m": "causal_lm",
    "facebook/opt-350m": "causal_lm",
    "facebook/opt-1.3b": "causal_lm",
    "facebook/opt-2.7b": "causal_lm",
    "facebook/opt-6.7b": "causal_lm",
    "facebook/opt-13b": "causal_lm",
    "facebook/opt-30b": "causal_lm",
    "facebook/opt-66b": "causal_lm",
    "HuggingFaceTB/SmolLM2-360M-Instruct": "chat_lm",
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": "chat_lm",
    "Qwen/Qwen2.5-0.5B-Instruct": "chat_lm",
    "Qwen/Qwen2.5-1.5B-Instruct": "chat_lm",
    "Qwen/Qwen3-0.6B": "chat_lm",
    "google-bert/bert-base-uncased": "masked_lm",
    "google-bert/bert-base-multilingual-cased": "masked_lm",
    "FacebookAI/xlm-roberta-base": "masked_lm",
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": "classifier",
    "cardiffnlp/twitter-xlm-roberta-base-sentiment": "classifier",
    "deepset/roberta-base-squad2": "extractive_qa",
    "deepset/tinyroberta-squad2": "extractive_qa",
    "deepset/roberta-large-squad2": "extractive_qa",
    "deepset/minilm-uncased-squad2": "extractive_qa",
    "facebook/bart-large-cnn": "seq2seq",
    "sshleifer/distilbart-cnn-12-6": "seq2seq",
    "facebook/m2m100_418M": "seq2seq",
    "facebook/nllb-200-distilled-600M": "seq2seq",
    "Helsinki-NLP/opus-mt-en-de": "seq2seq",
    "Helsinki-NLP/opus-mt-de-en": "seq2seq",
    "Helsinki-NLP/opus-mt-en-fr": "seq2seq",
    "Helsinki-NLP/opus-mt-fr-en": "seq2seq",
    "Helsinki-NLP/opus-mt-en-es": "seq2seq",
    "Helsinki-NLP/opus-mt-es-en": "seq2seq",
    "Helsinki-NLP/opus-mt-ja-en": "seq2seq",
    "google/mt5-base": "t5",
    "google/flan-t5-base": "t5",
    "google/flan-t5-large": "t5",
    "microsoft/trocr-base-printed": "vision_seq2seq",
    "microsoft/trocr-base-handwritten": "vision_seq2seq",
    "microsoft/trocr-large-printed": "vision_seq2seq",
    "microsoft/trocr-large-handwritten": "vision_seq2seq",
    "kha-white/manga-ocr-base": "vision_seq2seq",
    "dalle-mini/dalle-mini": "dalle_mini",
    "osanseviero/BigGAN-deep-128": "biggan",
    "timm/vgg19.tv_in1k": "gatys",
    "keras-io/recommender-transformers": "behaviour",
}
"""Repository -> the module of this package that writes it."""

ALONE = frozenset({"dalle_mini", "biggan", "gatys", "behaviour"})
"""Modules that write one repository, with the parts that its model needs, and ask for no name."""

UNWRITTEN = {
    "microsoft/trocr-small-printed": "a neighbour: TrOCR on DeiT, smaller than what is measured",
    "nlpconnect/vit-gpt2-image-captioning": "a neighbour: the halves of TrOCR and GPT-2",
    "Salesforce/blip-image-captioning-base": "a neighbour, written small by its family's tests",
}
"""Repository of the catalogue -> why nothing stands in for it."""
