"""The names of languages, as people type them: codes, English names, and their own names.

Knows nothing of models: which of them a model knows, and by which token, its family finds out.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from dataclasses import dataclass

# Code, code of FLORES-200 (language and script, as NLLB has it; "-": none), names.
_TABLE = """
ace ace_Latn Acehnese
ace-arab ace_Arab Acehnese (Arabic script)
acm acm_Arab Mesopotamian Arabic, Iraqi Arabic
acq acq_Arab Ta'izzi-Adeni Arabic, Yemeni Arabic
aeb aeb_Arab Tunisian Arabic
af afr_Latn Afrikaans
ajp ajp_Arab South Levantine Arabic
ak aka_Latn Akan
am amh_Ethi Amharic, አማርኛ
apc apc_Arab North Levantine Arabic, Lebanese Arabic
ar arb_Arab Arabic, العربية
ars ars_Arab Najdi Arabic
ary ary_Arab Moroccan Arabic, Darija
arz arz_Arab Egyptian Arabic
as asm_Beng Assamese
ast ast_Latn Asturian, Asturianu
awa awa_Deva Awadhi
ay ayr_Latn Aymara
azb azb_Arab South Azerbaijani
az azj_Latn Azerbaijani, Azərbaycan
ba bak_Cyrl Bashkir
bm bam_Latn Bambara
ban ban_Latn Balinese
be bel_Cyrl Belarusian, Беларуская
bem bem_Latn Bemba
bn ben_Beng Bengali, Bangla, বাংলা
bho bho_Deva Bhojpuri
bjn bjn_Latn Banjar
bjn-arab bjn_Arab Banjar (Arabic script)
bo bod_Tibt Tibetan
bs bos_Latn Bosnian, Bosanski
br - Breton, Brezhoneg
bug bug_Latn Buginese
bg bul_Cyrl Bulgarian, Български
ca cat_Latn Catalan, Valencian, Català
ceb ceb_Latn Cebuano
cs ces_Latn Czech, Čeština
cjk cjk_Latn Chokwe
ckb ckb_Arab Central Kurdish, Sorani
crh crh_Latn Crimean Tatar
cy cym_Latn Welsh, Cymraeg
da dan_Latn Danish, Dansk
de deu_Latn German, Deutsch
dik dik_Latn Dinka
dyu dyu_Latn Dyula
dz dzo_Tibt Dzongkha
el ell_Grek Greek, Ελληνικά
en eng_Latn English
eo epo_Latn Esperanto
et est_Latn Estonian, Eesti
eu eus_Latn Basque, Euskara
ee ewe_Latn Ewe
fo fao_Latn Faroese
fa pes_Arab Persian, Farsi, فارسی
fj fij_Latn Fijian
fi fin_Latn Finnish, Suomi
fon fon_Latn Fon
fr fra_Latn French, Français
fy - Western Frisian, Frisian, Frysk
fur fur_Latn Friulian
ff fuv_Latn Fula, Fulah, Nigerian Fulfulde
gd gla_Latn Scottish Gaelic, Gàidhlig
ga gle_Latn Irish, Gaeilge
gl glg_Latn Galician, Galego
gn grn_Latn Guarani
gu guj_Gujr Gujarati, ગુજરાતી
ht hat_Latn Haitian Creole, Haitian
ha hau_Latn Hausa
he heb_Hebr Hebrew, iw, עברית
hi hin_Deva Hindi, हिन्दी
hne hne_Deva Chhattisgarhi
hr hrv_Latn Croatian, Hrvatski
hu hun_Latn Hungarian, Magyar
hy hye_Armn Armenian, Հայերեն
ig ibo_Latn Igbo
ilo ilo_Latn Ilocano, Iloko
id ind_Latn Indonesian, Bahasa Indonesia
is isl_Latn Icelandic, Íslenska
it ita_Latn Italian, Italiano
jv jav_Latn Javanese
ja jpn_Jpan Japanese, jp, 日本語
kab kab_Latn Kabyle
kac kac_Latn Jingpho
kam kam_Latn Kamba
kn kan_Knda Kannada, ಕನ್ನಡ
ks kas_Arab Kashmiri
ks-deva kas_Deva Kashmiri (Devanagari)
ka kat_Geor Georgian, ქართული
kr knc_Latn Kanuri, Central Kanuri
kr-arab knc_Arab Kanuri (Arabic script)
kk kaz_Cyrl Kazakh, Қазақ
kbp kbp_Latn Kabiye
kea kea_Latn Kabuverdianu
km khm_Khmr Khmer, Cambodian, ខ្មែរ
ki kik_Latn Kikuyu
rw kin_Latn Kinyarwanda
ky kir_Cyrl Kyrgyz
kmb kmb_Latn Kimbundu
kg kon_Latn Kikongo
ko kor_Hang Korean, 한국어
ku kmr_Latn Northern Kurdish, Kurdish, Kurmanji
lo lao_Laoo Lao
lv lvs_Latn Latvian, Latviešu
lij lij_Latn Ligurian
li lim_Latn Limburgish
ln lin_Latn Lingala
lt lit_Latn Lithuanian, Lietuvių
lmo lmo_Latn Lombard
ltg ltg_Latn Latgalian
lb ltz_Latn Luxembourgish, Lëtzebuergesch
lua lua_Latn Luba-Kasai
lg lug_Latn Ganda, Luganda
luo luo_Latn Luo
lus lus_Latn Mizo
mag mag_Deva Magahi
mai mai_Deva Maithili
ml mal_Mlym Malayalam, മലയാളം
mr mar_Deva Marathi, मराठी
min min_Latn Minangkabau
mk mkd_Cyrl Macedonian, Македонски
mg plt_Latn Malagasy
mt mlt_Latn Maltese
mni mni_Beng Meitei, Manipuri
mn khk_Cyrl Mongolian, Монгол
mos mos_Latn Mossi
mi mri_Latn Maori
ms zsm_Latn Malay, Bahasa Melayu
my mya_Mymr Burmese, Myanmar, မြန်မာ
nl nld_Latn Dutch, Flemish, Nederlands
nn nno_Latn Norwegian Nynorsk, Nynorsk
no nob_Latn Norwegian, Bokmål, Norwegian Bokmål, nb, Norsk
ne npi_Deva Nepali, नेपाली
ns nso_Latn Northern Sotho, Sepedi
nus nus_Latn Nuer
ny nya_Latn Nyanja, Chichewa
oc oci_Latn Occitan
om gaz_Latn Oromo
or ory_Orya Odia, Oriya, ଓଡ଼ିଆ
pag pag_Latn Pangasinan
pa pan_Guru Punjabi, Panjabi, ਪੰਜਾਬੀ
pap pap_Latn Papiamento
pl pol_Latn Polish, Polski
pt por_Latn Portuguese, Português
prs prs_Arab Dari
ps pbt_Arab Pashto, پښتو
qu quy_Latn Quechua
ro ron_Latn Romanian, Moldovan, Română
rn run_Latn Rundi
ru rus_Cyrl Russian, Русский
sg sag_Latn Sango
sa san_Deva Sanskrit
sat sat_Beng Santali
scn scn_Latn Sicilian
shn shn_Mymr Shan
si sin_Sinh Sinhala, Sinhalese, සිංහල
sk slk_Latn Slovak, Slovenčina
sl slv_Latn Slovenian, Slovene, Slovenščina
sm smo_Latn Samoan
sn sna_Latn Shona
sd snd_Arab Sindhi
so som_Latn Somali
st sot_Latn Southern Sotho, Sesotho
es spa_Latn Spanish, Castilian, Español
sq als_Latn Albanian, Shqip
sc srd_Latn Sardinian
sr srp_Cyrl Serbian, Српски, Srpski
ss ssw_Latn Swati, Swazi
su sun_Latn Sundanese
sv swe_Latn Swedish, Svenska
sw swh_Latn Swahili, Kiswahili
szl szl_Latn Silesian
ta tam_Taml Tamil, தமிழ்
tt tat_Cyrl Tatar
te tel_Telu Telugu, తెలుగు
tg tgk_Cyrl Tajik
tl tgl_Latn Tagalog, Filipino, fil
th tha_Thai Thai, ไทย
ti tir_Ethi Tigrinya
taq taq_Latn Tamasheq
taq-tfng taq_Tfng Tamasheq (Tifinagh)
tpi tpi_Latn Tok Pisin
tn tsn_Latn Tswana, Setswana
ts tso_Latn Tsonga
tk tuk_Latn Turkmen
tum tum_Latn Tumbuka
tr tur_Latn Turkish, Türkçe
tw twi_Latn Twi
tzm tzm_Tfng Central Atlas Tamazight
ug uig_Arab Uyghur
uk ukr_Cyrl Ukrainian, ua, Українська
umb umb_Latn Umbundu
ur urd_Arab Urdu, اردو
uz uzn_Latn Uzbek, Oʻzbek
vec vec_Latn Venetian
vi vie_Latn Vietnamese, vn, Tiếng Việt
war war_Latn Waray
wo wol_Latn Wolof
xh xho_Latn Xhosa
yi ydd_Hebr Yiddish
yo yor_Latn Yoruba
yue yue_Hant Cantonese, 粵語
zh zho_Hans Chinese, Mandarin, Simplified Chinese, cn, zh-cn, 中文, 汉语
zh-hant zho_Hant Traditional Chinese, zh-tw, zh-hk, 繁體中文
zu zul_Latn Zulu, isiZulu
"""


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its short code, its code in FLORES-200 where it has one, its English name."""

    code: str
    flores: str | None
    name: str


@functools.cache
def languages() -> tuple[Language, ...]:
    """Return every language that has a name here."""
    return tuple({language.code: language for language in _names().values()}.values())


def find(typed: str) -> Language | None:
    """Return the language that somebody typed: ``de``, ``de-AT``, ``deu_Latn``, ``Deutsch``.

    A region that is not known by itself is left out: ``pt-BR`` is Portuguese.
    """
    wanted = _plain(typed)
    known = _names()
    return known.get(wanted) or known.get(wanted.partition("-")[0])


def nearest(typed: str, among: set[str]) -> Language | None:
    """Return the language of these codes whose name or code looks most like what was typed."""
    names = {name: language for name, language in _names().items() if language.code in among}
    close = difflib.get_close_matches(_plain(typed), list(names), n=1, cutoff=0.75)
    return names[close[0]] if close else None


@functools.cache
def _names() -> dict[str, Language]:
    """Return languages by everything that they are called, plainly written."""
    names: dict[str, Language] = {}
    ordered = [_parsed(line) for line in _TABLE.strip().splitlines()]
    for language, _ in ordered:
        names.setdefault(_plain(language.code), language)
    for language, others in ordered:
        for other in others:
            names.setdefault(_plain(other), language)
    return names


def _parsed(line: str) -> tuple[Language, list[str]]:
    code, flores, called = line.split(" ", 2)
    names = called.split(", ")
    found = Language(code, None if flores == "-" else flores, names[0])
    # three letters alone, as ISO 639-3 has them, mean the first language of the table with them
    return found, names if found.flores is None else [*names, flores, flores.partition("_")[0]]


def _plain(name: str) -> str:
    """Return a name in small letters, without accents, with hyphens for underscores."""
    parted = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(letter for letter in parted if not unicodedata.combining(letter))
    return re.sub(r"[\s_]+", "-", bare.strip())
