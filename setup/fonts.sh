#!/bin/sh
# Brings the Japanese font that reports in PDF are set in: fonts.sh [FOLDER], data/fonts by default.
#
# Noto Sans JP, regular and bold, as TrueType: what npm and PyPI have is mostly cut into pieces for the Web (WOFF2).
# The version is pinned in fonts/package-lock.json, the files by the sums below. Does nothing, and needs no network,
# when they are there already.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${1:-"$here/../data/fonts"}

# Sum, name in the package, name here; of version 0.4.3 (Google Fonts v56).
files='d930d5d52d15231c283089760f84584272ad5e37e14607ba0d19c798e7a9caec 400Regular/NotoSansJP_400Regular.ttf NotoSansJP-Regular.ttf
c5b7b9d6a6eb682b0d4e6bbb38509575fd2759a28f147daa74714d1359a7909e 700Bold/NotoSansJP_700Bold.ttf NotoSansJP-Bold.ttf
1c05c68c34f9708415aada51f17e1b0092d2cea709bf4a94cd38114f9e73d7d9 LICENSE_FONT NotoSansJP-OFL.txt'

if command -v sha256sum >/dev/null; then
    sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
else
    sum() { shasum -a 256 <"$1" | cut -d ' ' -f 1; }
fi
# Whether all files are in folder $1 under their names of column $2.
complete() {
    echo "$files" | while read -r sum inside outside; do
        if [ "$2" = inside ]; then file="$1/$inside"; else file="$1/$outside"; fi
        if [ ! -f "$file" ] || [ "$(sum "$file")" != "$sum" ]; then
            exit 1
        fi
    done
}

mkdir -p "$folder"
if ! complete "$folder" outside; then
    if ! command -v npm >/dev/null; then
        echo "fonts.sh: npm is needed to bring the fonts; hint: install Node.js, or put Japanese .ttf, .otf or .ttc files of your own in $folder" >&2
        exit 2
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    cp "$here/fonts/package.json" "$here/fonts/package-lock.json" "$here/fonts/.npmrc" "$work/"
    if ! (cd "$work" && npm ci --omit=dev --ignore-scripts --loglevel=error >npm.log 2>&1); then
        cat "$work/npm.log" >&2
        echo "fonts.sh: npm could not bring the fonts" >&2
        exit 2
    fi
    from="$work/node_modules/@expo-google-fonts/noto-sans-jp"
    if ! complete "$from" inside; then
        echo "fonts.sh: the files brought are not those whose sums stand in fonts.sh" >&2
        exit 2
    fi
    # Under another name first: an interrupted copy must not look like a font.
    echo "$files" | while read -r _ inside outside; do
        cp "$from/$inside" "$folder/$outside.part"
        chmod 644 "$folder/$outside.part"
        mv "$folder/$outside.part" "$folder/$outside"
    done
fi

folder=$(CDPATH='' cd -- "$folder" && pwd)
cat <<END
$folder/NotoSansJP-Regular.ttf
$folder/NotoSansJP-Bold.ttf
    Noto Sans JP by Adobe and Google; SIL Open Font License 1.1, in $folder/NotoSansJP-OFL.txt
END
