"""What the privacy gate finds, what it blocks without need, and what it costs.

    python -m benchmarks.privacy --rows 1000000 --json

Recall: synthetic identifiers with valid check digits, in the forms that people write, counted by
cell in 5,000 cells, and one alone in a column of ordinary text. False blocks: ordinary open-data
columns. Cost: CPU seconds for a million cells of text, and peak memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import string
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from stdnum.iso7064 import mod_97_10

from moulouya import duck, privacy
from moulouya.definition import Definition
from moulouya.licences import LICENCES
from moulouya.settings import Settings
from moulouya.workspace import Dataset

Make = Callable[[random.Random], str]
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def digits(rng: random.Random, count: int) -> str:
    """Random digits."""
    return "".join(rng.choice(string.digits) for _ in range(count))


def rib(rng: random.Random) -> str:
    """A Moroccan bank account with its key."""
    body = rng.choice(["007", "011", "013", "021", "022", "145", "225", "230", "350"])
    body += digits(rng, 19)
    return body + f"{97 - int(body) * 100 % 97:02d}"


def iban(rng: random.Random) -> str:
    """An IBAN of Morocco, or of a country where its people live."""
    country, bban = rng.choice([
        ("MA", rib(rng)), ("FR", digits(rng, 23)), ("ES", digits(rng, 20)), ("BE", digits(rng, 12)),
        ("DE", digits(rng, 18)), ("IT", "X" + digits(rng, 22)), ("NL", "ABNA" + digits(rng, 10)),
    ])  # fmt: skip
    return country + mod_97_10.calc_check_digits(bban + country) + bban


def phone(rng: random.Random) -> str:
    """The nine digits of a number in a range that is in use."""
    start = rng.choice(["61", "66", "67", "65", "70", "77", "76", "63", "5222", "5365", "5377"])
    return start + digits(rng, 9 - len(start))


def email(rng: random.Random) -> str:
    """An address."""
    user = rng.choice(["fatima.zahra", "m_alaoui", "contact", "y.benali+x", "a1"])
    return f"{user}{rng.randrange(999)}@{rng.choice(['gmail.com', 'ump.ac.ma', 'exemple.org'])}"


def grouped(text: str, sizes: list[int], sep: str) -> str:
    """A text in groups."""
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return sep.join(part for part in [*parts, text[at:]] if part)


def dressed_phone(rng: random.Random) -> str:
    """A number as people write it."""
    number = phone(rng)
    sep = rng.choice([" ", "-", ".", "\u00a0"])
    pairs = grouped("0" + number, [2, 2, 2, 2], sep)
    return rng.choice([
        "0" + number, pairs, pairs, f"+212{number}", f"00212{number}",
        f"+212 {grouped(number, [1, 2, 2, 2], ' ')}",
        f"(+212) {grouped('0' + number, [2] * 4, ' ')}",
        f"+212 (0) {grouped(number, [1, 2, 2, 2], ' ')}",
        f"0{number[:3]}-{number[3:]}",
        ("0" + number).translate(ARABIC), pairs.translate(ARABIC), f"\u202a+212{number}\u202c",
    ])  # fmt: skip


def dressed_account(rng: random.Random, text: str) -> str:
    """An account number as people write it."""
    fours = grouped(text, [4] * (len(text) // 4), " ")
    choices = [text, fours, fours.replace(" ", "\u00a0"), grouped(text, [4] * 7, "-")]
    if text.isdigit():
        choices += [grouped(text, [3, 3, 16], " "), text.translate(ARABIC)]
    return rng.choice(choices)


STRONG: dict[str, Make] = {
    "email": email,
    "phone": dressed_phone,
    "rib": lambda rng: dressed_account(rng, rib(rng)),
    "iban": lambda rng: dressed_account(rng, iban(rng)),
}
FRAMES = [
    "{}", "{}", "Contact : {}", "Appeler Mme Alaoui au {} avant midi.", "للاتصال: {} شكرا",
    "please write to {} or come by", "({})", "Mobile {};", "الهاتف {}",
]  # fmt: skip
WORDS = ["route", "eau", "commune", "projet", "travaux", "2024", "école", "mètres", "12", "ماء",
         "طريق", "جماعة", "budget", "en cours", "phase 2", "réseau", "Oujda"]  # fmt: skip


def prose(rng: random.Random) -> str:
    """An ordinary remark."""
    return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 9)))


def gtin(rng: random.Random) -> str:
    """An article number with its check digit."""
    body = "611" + digits(rng, 9)
    total = sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(body))
    return body + str(-total % 10)


def isbn10(rng: random.Random) -> str:
    """A book number with its check digit, with hyphens."""
    body = rng.choice("01") + digits(rng, 8)
    key = sum(int(one) * (place + 1) for place, one in enumerate(body)) % 11
    return f"{body[0]}-{body[1:4]}-{body[4:]}-{'X' if key == 10 else key}"


CLEAN: dict[str, Make] = {
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    "sha256": lambda rng: f"{rng.getrandbits(256):064x}",
    "object_id": lambda rng: f"{rng.getrandbits(96):024x}",
    "hcp_code": lambda rng: f"{rng.randrange(1, 13):02d}.{rng.randrange(600):03d}."
    f"{rng.randrange(20):02d}.{rng.randrange(40):02d}",
    "hcp_digits": lambda rng: f"0{digits(rng, 8)}",
    "ten_digit_code": lambda rng: digits(rng, 10),
    "padded_number": lambda rng: f"{rng.randrange(10**7):010d}",
    "twelve_digits": lambda rng: digits(rng, 12),
    "reference": lambda rng: f"REF-{digits(rng, 10)}",
    "product_code": lambda rng: f"{rng.choice(string.ascii_uppercase)}{digits(rng, 5)}",
    "station": lambda rng: f"ST{rng.randrange(90):05d}",
    "naf": lambda rng: f"{rng.randrange(1, 99):02d}.{rng.randrange(99):02d}{rng.choice('ABCZ')}",
    "gtin": gtin,
    "isbn": isbn10,
    "year": lambda rng: str(rng.randrange(1960, 2026)),
    "years": lambda rng: " ".join(str(2010 + n) for n in range(rng.randrange(2, 7))),
    "date": lambda rng: f"{rng.randrange(1, 29):02d}-{rng.randrange(1, 13):02d}-20{digits(rng, 2)}",
    "timestamp": lambda rng: f"2024-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T"
    f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}.{digits(rng, 6)}Z",
    "compact_timestamp": lambda rng: f"2024{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    f"{digits(rng, 6)}",
    "unix_time": lambda rng: str(rng.randrange(1_500_000_000, 1_800_000_000)),
    "coordinates": lambda rng: f"{rng.uniform(33, 35):.10f}, -{rng.uniform(1, 4):.10f}",
    "price": lambda rng: f"{rng.randrange(10**7) / 100:.2f}",
    "spaced_amount": lambda rng: f"{rng.randrange(100, 999)} {digits(rng, 3)} {digits(rng, 3)}",
    "url": lambda rng: f"https://exemple.ma/media/{digits(rng, 10)}.jpg",
    "version": lambda rng: f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(30)}",
    "remark": prose,
    "commune": lambda rng: rng.choice(
        ["Sidi Moussa Lemhaya", "Ahl Angad", "Aïn Sfa", "Bni Drar", "Moulay Abdellah", "Zegzel",
         "Ait Youssef Ou Ali", "Ouled Daoud Zkhanine", "Laatamna", "Tafoughalt", "Chouihia"]
    ),
    "commune_ar": lambda rng: rng.choice(
        ["سيدي موسى المهاية", "أهل أنكاد", "عين الصفا", "بني درار", "مولاي عبد الله"]
    ),
    "school": lambda rng: rng.choice(
        ["Lycée Omar Ibn Khattab", "École Mohammed VI", "Collège Ibn Sina", "Lycée Abdelmoumen",
         "Université Mohammed Premier", "École Allal Ben Abdellah"]
    ),
    "street_name": lambda rng: rng.choice(
        ["Rue Mohammed Diouri", "Avenue Hassan II", "Boulevard Allal El Fassi", "Bd Zerktouni"]
    ),
    "cooperative": lambda rng: rng.choice(
        ["Coopérative Al Amal", "Association Ennour", "Sté Ali et Fils SARL", "تعاونية النور"]
    ),
    "crop": lambda rng: rng.choice(["blé tendre", "olivier", "amandier", "oranger", "luzerne"]),
    "hours": lambda rng: " ".join(
        f"{n:02d}" for n in range(rng.randrange(4), rng.randrange(5, 24))
    ),
    "sensor": lambda rng: f"AQ-{rng.randrange(9000):04d}",
    "icao": lambda rng: "GM" + "".join(rng.choice(string.ascii_uppercase) for _ in range(2)),
    "wikidata": lambda rng: f"Q{digits(rng, rng.choice([5, 6, 7, 7, 8, 8, 9]))}",
    "ice": lambda rng: digits(rng, 15),
}  # fmt: skip


def dataset_of(columns: list[str], **titles: str) -> Dataset:
    """A dataset with text columns whose titles are their names."""
    said = {"ar": "سجل", "fr": "une écriture", "en": "one record"}
    described = {
        name: {"type": "text", "title": {"ar": "عمود", "fr": titles.get(name, name), "en": name},
               "description": said}
        for name in columns
    }  # fmt: skip
    definition = Definition.model_validate({
        "title": said, "description": said, "row_is": said, "publisher": "nobody",
        "source": {"kind": "file", "path": "x", "format": "csv"}, "key": columns[:1],
        "columns": described,
    })  # fmt: skip
    return Dataset(
        slug="sample", theme="benchmark", definition=definition, path=Path("x"), transform=None,
        expectations=None, licence=LICENCES["CC-BY-4.0"], inputs=(), references=(), recipe="",
    )  # fmt: skip


def found_in(folder: Path, columns: dict[str, list[Any]]) -> tuple[privacy.Finding, ...]:
    """What the gate finds in a table of these columns."""
    path = folder / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return privacy.find(path, dataset_of(list(columns)), Settings(threads=1))


def recall(folder: Path, cells: int, seed: int) -> dict[str, Any]:
    """Planted cells and found cells by kind, all in one column of mixed remarks."""
    result: dict[str, Any] = {}
    for kind, make in STRONG.items():
        rng = random.Random(f"{seed}{kind}")
        planted = [rng.choice(FRAMES).format(make(rng)) for _ in range(cells // 4)]
        clean = [prose(rng) for _ in range(cells // 4)]
        mixed = planted + clean
        rng.shuffle(mixed)
        found = found_in(folder, {"col": mixed})
        count = sum(one.cells for one in found if one.kind == kind and one.blocking)
        result[kind] = {"planted": len(planted), "found": count}
    return result


def alone(folder: Path, tries: int, seed: int) -> dict[str, Any]:
    """Columns of 200 remarks with one identifier, and how many of them are blocked."""
    rng = random.Random(seed)
    columns: dict[str, list[str]] = {}
    for number in range(tries):
        kind = list(STRONG)[number % len(STRONG)]
        cells = [prose(rng) for _ in range(199)]
        cells.insert(rng.randrange(199), rng.choice(FRAMES).format(STRONG[kind](rng)))
        columns[f"{kind}_{number}"] = cells
    renamed = {f"col{number}": cells for number, cells in enumerate(columns.values())}
    blocked = {one.column for one in found_in(folder, renamed) if one.blocking}
    return {"columns": tries, "blocked": len(blocked)}


def false_blocks(folder: Path, repeats: int, seed: int) -> dict[str, Any]:
    """Ordinary columns of several lengths, and which of them are blocked."""
    blocked: list[str] = []
    total = 0
    for repeat in range(repeats):
        rng = random.Random(seed + repeat)
        rows = rng.choice([20, 100, 400, 2000])
        for name, make in CLEAN.items():
            total += 1
            found = found_in(folder, {name: [make(rng) for _ in range(rows)]})
            blocked += [f"{name}: {one.kind} in {rows}" for one in found if one.blocking]
    return {"columns": total, "blocked": len(blocked), "share": len(blocked) / total,
            "which": sorted(set(blocked))}  # fmt: skip


def cost(folder: Path, rows: int) -> dict[str, Any]:
    """CPU seconds and memory of one table of text without personal data."""
    made = {
        "label": "'label ' || (i % 977)",
        "name_ar": "'بركان الجديدة ' || (i % 50)",
        "code": "printf('%02d.%03d.%02d.%02d', i % 12, i % 600, i % 20, i % 30)",
        "moment": "(TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND)::VARCHAR",
        "price": "((i * 7919) % 1000000 / 100.0)::VARCHAR",
        "note": "'Travaux de réfection de la route n° ' || (i % 900) || ' entre communes, lot ' "
        "|| (i % 9) || ', exercice ' || (2000 + i % 25)",
        "ean": "(6111000000000 + i)::VARCHAR",
        "row_uuid": "md5(i::VARCHAR)",
    }
    path = folder / "cost.parquet"
    selected = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
    with duck.connect() as con:
        con.execute(
            f"COPY (SELECT {selected} FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet)"
        )
    dataset = dataset_of(list(made))
    begun, clock = time.process_time(), time.perf_counter()
    found = privacy.find(path, dataset, Settings())
    cpu = time.process_time() - begun
    return {
        "rows": rows,
        "cells": rows * len(made),
        "cpu_seconds": round(cpu, 2),
        "wall_seconds": round(time.perf_counter() - clock, 2),
        "cpu_seconds_per_million_cells": round(cpu / (rows * len(made) / 1e6), 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "blocked": sum(one.blocking for one in found),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "cost": cost(folder, options.rows),
            "recall": recall(folder, options.cells, options.seed),
            "alone": alone(folder, 200, options.seed),
            "false_blocks": false_blocks(folder, options.repeats, options.seed),
        }
    print(json.dumps(result, indent=None if options.json else 2, ensure_ascii=False))


if __name__ == "__main__":
    main()
