#!/usr/bin/python3
"""Prints SQL that loads Debian's iso-codes: countries, subdivisions, languages, and their names in every script.

    iso_codes.py mysql|postgresql
"""
import gettext
import json
import pathlib
import sys

DATA = pathlib.Path("/usr/share/iso-codes/json")
LOCALES = pathlib.Path("/usr/share/locale")
BATCH = 500


def literal(value, backslashes):
    if value is None:
        return "NULL"
    text = str(value).replace("'", "''")
    return "'" + (text.replace("\\", "\\\\") if backslashes else text) + "'"


def insert(table, rows, backslashes):
    for first in range(0, len(rows), BATCH):
        values = ",\n".join("(" + ",".join(literal(v, backslashes) for v in row) + ")" for row in rows[first : first + BATCH])
        print(f"INSERT INTO {table} VALUES\n{values};")


def translations(domain, names):
    """(locale, key, name) for every locale that iso-codes has this domain in."""
    for file in sorted(LOCALES.glob(f"*/LC_MESSAGES/{domain}.mo")):
        catalogue = gettext.GNUTranslations(file.open("rb"))
        for key, name in names:
            translated = catalogue.gettext(name)
            if translated != name:
                yield file.parts[-3], key, translated


def main():
    backslashes = sys.argv[1] == "mysql"
    countries = json.loads((DATA / "iso_3166-1.json").read_text())["3166-1"]
    subdivisions = json.loads((DATA / "iso_3166-2.json").read_text())["3166-2"]
    languages = json.loads((DATA / "iso_639-3.json").read_text())["639-3"]
    print("CREATE TABLE country (code CHAR(2) PRIMARY KEY, name VARCHAR(200) NOT NULL, flag VARCHAR(16));")
    print("CREATE TABLE subdivision (code VARCHAR(8) PRIMARY KEY, name VARCHAR(200) NOT NULL, kind VARCHAR(80) NOT NULL);")
    print("CREATE TABLE language (code CHAR(3) PRIMARY KEY, name VARCHAR(200) NOT NULL, inverted VARCHAR(200));")
    print("CREATE TABLE country_name (locale VARCHAR(20), code CHAR(2) REFERENCES country, name VARCHAR(200) NOT NULL, PRIMARY KEY (locale, code));")
    insert("country", [(c["alpha_2"], c["name"], c.get("flag")) for c in countries], backslashes)
    insert("subdivision", [(s["code"], s["name"], s["type"]) for s in subdivisions], backslashes)
    insert("language", [(l["alpha_3"], l["name"], l.get("inverted_name")) for l in languages], backslashes)
    insert("country_name", list(translations("iso_3166-1", [(c["alpha_2"], c["name"]) for c in countries])), backslashes)
    print("CREATE VIEW names_per_locale AS SELECT locale, count(*) AS names FROM country_name GROUP BY locale;")


if __name__ == "__main__":
    main()
