"""Whether the report in Markdown tells a planted phenomenon, in both languages."""

import re

import series

MONTHS = "January February March April May June July August September October November December".split()
# Names of the regions that scenarios plant phenomena in.
REGIONS = {
    "en": {"RU": "Russia", "CN": "China", "KR": "South Korea", "TW": "Taiwan", "JP": "Japan", "NL": "Netherlands", "BR": "Brazil", "IN": "India"},
    "ja": {"RU": "ロシア", "CN": "中国", "KR": "韓国", "TW": "台湾", "JP": "日本", "NL": "オランダ", "BR": "ブラジル", "IN": "インド"},
}
VERBS = {
    "en": {
        "rise": r"\brose\b(?! and fell| temporarily)|jumped|surged",
        "fall": r"(?<!and )\bfell\b(?! temporarily)|dropped",
        "growth": r"their first-week level",
        "jump": r"jumped",
        "swing": r"rose and fell repeatedly",
        "bulge": r"rose temporarily|surged|spike",
        "appear": r"began to arrive",
        "steady": r"no notable change",
    },
    "ja": {
        "rise": r"(?<!一時的に)増加|急増",
        "fall": r"(?<!一時的に)減少|急減",
        "growth": r"最初の週",
        "jump": r"急増",
        "swing": r"増減を繰り返",
        "bulge": r"一時的に増加|急増",
        "appear": r"観測されるようになり|から観測され|観測されました",
        "steady": r"大きな変化は見られません",
    },
}
# A sentence that names a new subject begins like this.
OPENS = {"en": r"^(Packets (to|from|with)|\S+ packets|All packets|Packets)\b", "ja": r"パケット数?(は|には)、"}
ENDS = {"en": r"(?<=\.) ", "ja": r"(?<=。)"}
LANGS = ("en", "ja")


def paragraphs(markdown):
    """Paragraphs of facts and the findings that each cites."""
    blocks = [block for block in markdown.split("\n\n") if block.strip()]
    cited = []
    for text, evidence in zip(blocks, blocks[1:]):
        if evidence.startswith(("*Evidence*", "*根拠*")):
            cited.append((text, set(re.findall(r"[a-z0-9.-]+", " ".join(re.findall(r"`([^`]*)`", evidence))))))
    return cited


def about(key, lang):
    """What a sentence about a subject must name."""
    if key[0] == "port":
        return ["ICMP" if key[1] == "icmp" else key[1].upper()]
    if key[0] == "region":
        return [REGIONS[lang].get(key[1], key[1])]
    if key[0] == "tool":
        return ["Mirai"]
    if key[0] == "tool_region":
        return ["Mirai", REGIONS[lang].get(key[2], key[2])]
    return []


def told(markdown, lang, plant):
    """The sentence that tells a plant that was found; None when there is none."""
    if plant.key[0] == "sensor":
        return outage(markdown, lang, plant)
    finding = plant.found
    if finding is None:
        return None
    for paragraph, ids in paragraphs(markdown):
        if finding.id not in ids:
            continue
        named = []
        for sentence in re.split(ENDS[lang], paragraph):
            if re.search(OPENS[lang], sentence):
                named = [sentence.split("パケット")[0] if lang == "ja" else sentence]
            if named and all(word in named[0] for word in about(plant.key, lang)) and says(sentence, lang, plant):
                return sentence
    return None


def says(sentence, lang, plant):
    """Whether a sentence has the direction, and the month of the begin or of the end where it is dated."""
    course, direction = plant.found.course, plant.direction
    if direction == "cross":
        other = REGIONS[lang].get(plant.entry["against"], plant.entry["against"])
        return other in sentence and ("exceeded" in sentence or "上回" in sentence) and dated(sentence, lang, [course["day"]])
    if plant.found.kind in ("growth", "steady"):
        return re.search(VERBS[lang][plant.found.kind], sentence) is not None
    if not re.search(VERBS[lang][direction], sentence):
        return False
    return dated(sentence, lang, [course["from"], course["to"]])


def dated(sentence, lang, days):
    months = [int(series.text(one)[5:7]) for one in days]
    return any((MONTHS[month - 1] if lang == "en" else f"{month}月") in sentence for month in months)


def outage(markdown, lang, plant):
    """The sentence on sensors that observed nothing on just those days."""
    begin, end = series.text(plant.begin), series.text(plant.end)
    days = (int(begin[8:]), int(end[8:]), int(begin[5:7]))
    if lang == "en":
        pattern = rf"From {days[0]} to {days[1]} {MONTHS[days[2] - 1]}, [^.]*sensors?[^.]* observed nothing"
    else:
        pattern = rf"{days[2]}月{days[0]}日から{days[1]}日にかけて、[^。]*センサー[^。]*観測データが得られません"
    found = re.search(pattern, markdown)
    return found.group(0) if found else None


def due(plant, truth, quarter):
    """Whether the public report should tell of it: leading ports and regions, Mirai, its leading regions and the home region."""
    of_quarter = next((one for one in truth["quarters"] if one["quarter"] == quarter), None)
    if of_quarter is None:
        return False
    if plant.key[0] in ("port", "region"):
        ranks = of_quarter["ports" if plant.key[0] == "port" else "regions"]
        return plant.key[1] in [rank["name"] for rank in ranks[:5]]
    if plant.key[0] == "tool_region":
        leading = sorted(of_quarter["mirai_region_packets"].items(), key=lambda row: (-row[1], row[0]))[:5]
        return plant.key[2] == "JP" or plant.key[2] in [region for region, _ in leading]
    return plant.key[0] in ("tool", "sensor")
