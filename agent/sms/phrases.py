"""What a text says: plain, short, and nothing of who or where (S11). Each fits one message, which a test proves.

English is what the others were made from. Welsh (cy), Polish (pl) and Urdu (ur) are machine-drafted: have each read by
somebody who speaks it before a home relies on it. Any other language falls back to English.
"""

# ruff: noqa: RUF001 -- Urdu's own full stop

from collections.abc import Mapping

from rules.actions import SendText
from rules.replies import YES

TEST = "TEST. "
"""First, in every language: nobody must set out because of a test."""

FALLBACK = "en"

_LRM = "\u200e"  # keeps "1 42" in that order where text runs from right to left

_ABOUT: Mapping[str, str] = {
    "pendant": "help",
    "button": "help",
    "pull-cord": "help",
    "smoke": "smoke",
    "carbon-monoxide": "gas",
    "flood": "water",
    "door-button": "door",
}
"""What is said of an alarm, by its kind: what whoever goes must know for their own safety. Of any other: `concern`."""

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "help": "Hearthline: the person you help has called for help. If you can go now, answer: {answer}",
        "concern": "Hearthline: the person you help may need help. If you can go now, answer: {answer}",
        "smoke": "Hearthline: smoke alarm at the home of the person you help. Stay out of smoke. "
        "If you can go now, answer: {answer}",
        "gas": "Hearthline: poison gas alarm at the home of the person you help. Do not go in until it is safe. "
        "If you can go now, answer: {answer}",
        "water": "Hearthline: water alarm at the home of the person you help. If you can go now, answer: {answer}",
        "door": "Hearthline: the person you help is worried by someone at the door. Do not phone them. "
        "If you can go now, answer: {answer}",
        "taken": "Hearthline: somebody else is going to help now. You need not go. Thank you.",
        "yours": "Hearthline: thank you. We know now that you are going to help.",
        "over": "Hearthline: that call for help is over. You need not go. Thank you.",
        "not-understood": "Hearthline: we could not use your answer. "
        "If you can go, answer with 1, a space, and the two digits of our last text.",
    },
    "cy": {
        "help": "Hearthline: galwad am help. Os gallwch fynd, atebwch: {answer}",
        "concern": "Hearthline: efallai bod angen help. Gallwch fynd? Atebwch: {answer}",
        "smoke": "Hearthline: larwm mwg yn y cartref. Gallwch fynd? Atebwch: {answer}",
        "gas": "Hearthline: larwm nwy. Peidiwch mynd i mewn. Atebwch: {answer}",
        "water": "Hearthline: larwm dŵr yn y cartref. Gallwch fynd? Atebwch: {answer}",
        "door": "Hearthline: ofn rhywun wrth y drws. Peidiwch ffonio. Ateb: {answer}",
        "taken": "Hearthline: mae rhywun arall yn mynd nawr. Diolch.",
        "yours": "Hearthline: diolch. Rydym yn gwybod eich bod yn mynd.",
        "over": "Hearthline: mae'r alwad am help ar ben. Diolch.",
        "not-understood": "Hearthline: ateb aneglur. Anfonwch 1, bwlch, a'r ddau rif.",
    },
    "pl": {
        "help": "Hearthline: wezwanie pomocy. Jeśli możesz iść, odpisz: {answer}",
        "concern": "Hearthline: może trzeba pomóc. Jeśli możesz iść, odpisz: {answer}",
        "smoke": "Hearthline: dym w domu. Uważaj. Możesz iść? Odpisz: {answer}",
        "gas": "Hearthline: trujący gaz. Nie wchodź. Możesz iść? Odpisz: {answer}",
        "water": "Hearthline: woda w domu. Jeśli możesz iść, odpisz: {answer}",
        "door": "Hearthline: lęk, ktoś u drzwi. Nie dzwoń. Idziesz? Odpisz: {answer}",
        "taken": "Hearthline: ktoś inny już idzie. Nie musisz iść. Dziękujemy.",
        "yours": "Hearthline: dziękujemy. Wiemy, że idziesz pomóc.",
        "over": "Hearthline: wezwanie jest już nieaktualne. Dziękujemy.",
        "not-understood": "Hearthline: niejasna odpowiedź. Wyślij 1, spację i dwie cyfry.",
    },
    "ur": {
        "help": "Hearthline: مدد کی پکار ہے۔ جا سکتے ہیں تو جواب دیں: {answer}",
        "concern": "Hearthline: شاید مدد چاہیے۔ جا سکتے ہیں تو جواب دیں: {answer}",
        "smoke": "Hearthline: گھر میں دھواں ہے۔ جا سکتے ہیں تو جواب دیں: {answer}",
        "gas": "Hearthline: زہریلی گیس۔ اندر نہ جائیں۔ آ سکتے ہیں؟ جواب: {answer}",
        "water": "Hearthline: گھر میں پانی ہے۔ جا سکتے ہیں تو جواب دیں: {answer}",
        "door": "Hearthline: دروازے پر کوئی۔ فون نہ کریں۔ آ سکتے ہیں؟ جواب: {answer}",
        "taken": "Hearthline: کوئی اور مدد کو جا رہا ہے۔ شکریہ۔",
        "yours": "Hearthline: شکریہ۔ ہمیں معلوم ہے کہ آپ جا رہے ہیں۔",
        "over": "Hearthline: اب مدد کی ضرورت نہیں رہی۔ شکریہ۔",
        "not-understood": "Hearthline: جواب سمجھ نہیں آیا۔ 1، وقفہ، پھر دو ہندسے بھیجیں۔",
    },
}

_RIGHT_TO_LEFT = ("ur",)


def say(text: SendText) -> str:
    """Write a text in its contact's language."""
    language = text.language.split("-")[0].lower()
    language = language if language in PHRASES else FALLBACK
    mark = _LRM if language in _RIGHT_TO_LEFT else ""
    about = _ABOUT.get(text.kind, "concern") if text.what == "alarm" else text.what
    phrase = PHRASES[language][about].format(answer=f"{mark}{YES} {text.code:02}")
    return f"{TEST}{phrase}" if text.test else phrase
