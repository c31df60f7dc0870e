"""Why an upload is refused: a status, and a sentence in the partner's language."""

from __future__ import annotations

from collections.abc import Sequence

LANGUAGES = ("ar", "fr", "en")

WORDS: dict[str, dict[str, str]] = {
    "token": {
        "ar": "رمز الدخول غير صالح أو منتهي الصلاحية.",
        "fr": "Le jeton d'accès manque, n'est pas valable ou a expiré.",
        "en": "The access token is missing, not valid, or has expired.",
    },
    "other-dataset": {
        "ar": "هذا الرمز لا يخص مجموعة البيانات هذه.",
        "fr": "Ce jeton n'est pas celui de ce jeu de données.",
        "en": "This token is not for this dataset.",
    },
    "no-dataset": {
        "ar": "لا توجد مجموعة بيانات تستقبل ملفات بهذا الاسم.",
        "fr": "Aucun jeu de données de ce nom ne reçoit de fichiers.",
        "en": "No dataset of this name receives files.",
    },
    "not-found": {
        "ar": "لا يوجد شيء في هذا العنوان.",
        "fr": "Il n'y a rien à cette adresse.",
        "en": "There is nothing at this address.",
    },
    "method": {
        "ar": "هذه الطريقة غير مقبولة هنا.",
        "fr": "Cette méthode n'est pas admise ici.",
        "en": "This method is not allowed here.",
    },
    "name": {
        "ar": "اسم الملف غير مقبول: حروف وأرقام ومسافات و . _ - مع لاحقة ملف بيانات مثل .csv.",
        "fr": "Ce nom de fichier n'est pas admis : lettres, chiffres, blancs et . _ - ( ), "
        "avec le suffixe d'un fichier de données, comme .csv.",
        "en": "This file name is not allowed: letters, digits, blanks and . _ - ( ), "
        "with the suffix of a data file, such as .csv.",
    },
    "empty": {
        "ar": "الملف فارغ.",
        "fr": "Le fichier est vide.",
        "en": "The file is empty.",
    },
    "too-large": {
        "ar": "الملف أكبر من الحجم المسموح به لمجموعة البيانات هذه.",
        "fr": "Le fichier est plus grand que ce jeu de données ne l'admet.",
        "en": "The file is larger than this dataset accepts.",
    },
    "broken-off": {
        "ar": "انقطع الإرسال قبل نهايته. أعيدوا الإرسال من فضلكم.",
        "fr": "L'envoi s'est interrompu avant la fin. Veuillez le recommencer.",
        "en": "The upload broke off before its end. Please send it again.",
    },
    "too-slow": {
        "ar": "الإرسال بطيء جدا. أعيدوا المحاولة من فضلكم.",
        "fr": "L'envoi est trop lent. Veuillez le recommencer.",
        "en": "The upload is too slow. Please send it again.",
    },
    "digest": {
        "ar": "بصمة الملف المستلم تختلف عن البصمة المعلنة. أعيدوا الإرسال من فضلكم.",
        "fr": "L'empreinte du fichier reçu n'est pas celle annoncée. Veuillez le renvoyer.",
        "en": "The digest of what arrived is not the one announced. Please send it again.",
    },
    "digest-unknown": {
        "ar": "رأس البصمة غير مقروء: المطلوب sha-256 وفق RFC 9530.",
        "fr": "L'empreinte annoncée est illisible : sha-256 selon la RFC 9530 est attendue.",
        "en": "The announced digest cannot be read: sha-256 as in RFC 9530 is expected.",
    },
    "encoded": {
        "ar": "أرسلوا الملف كما هو، كاملا ومن غير ترميز نقل.",
        "fr": "Envoyez le fichier tel quel, entier et sans codage de contenu.",
        "en": "Send the file as it is: whole, and without a content coding.",
    },
    "form": {
        "ar": "الاستمارة غير مكتملة: الرمز ومجموعة البيانات ثم الملف.",
        "fr": "Le formulaire est incomplet : jeton, jeu de données, puis fichier.",
        "en": "The form is incomplete: token, dataset, then file.",
    },
    "too-many": {
        "ar": "طلبات كثيرة. انتظروا قليلا من فضلكم.",
        "fr": "Trop de demandes. Veuillez patienter un peu.",
        "en": "Too many requests. Please wait a little.",
    },
    "full": {
        "ar": "لا توجد مساحة كافية لدينا الآن. أعيدوا المحاولة لاحقا من فضلكم.",
        "fr": "La place nous manque pour l'instant. Veuillez réessayer plus tard.",
        "en": "We have no room at the moment. Please try again later.",
    },
    "crashed": {
        "ar": "حدث خطأ من جهتنا. لم يستلم الملف.",
        "fr": "Une erreur est survenue de notre côté. Le fichier n'est pas reçu.",
        "en": "Something went wrong on our side. The file is not received.",
    },
}


class Refused(Exception):
    """What was asked for is not done; ``reason`` is a key of WORDS."""

    def __init__(self, status: int, reason: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def preferred(accept_language: str, offered: Sequence[str] = LANGUAGES, default: str = "en") -> str:
    """The offered language that an Accept-Language header weighs most (RFC 9110, 12.5.4)."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if code in offered and quality > 0:
            wishes.append((-quality, position, code))
    return min(wishes)[2] if wishes else default
