#!/usr/bin/env bash
# look.sh PAGE.html... : each page in headless Chromium, 1280 and 390 pixels wide, light and dark,
# and as paper. Pictures go to ${OUT:-looks}. Says what is not so: a page over 2 MB, anything on the
# console, something wider than the screen. Exit 77 where there is no Chromium.
set -u
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "no Chromium here"; exit 77; }
out=$(realpath -m "${OUT:-looks}")
mkdir -p "$out" || exit 1
bad=0
complain() { echo "$*"; bad=1; }
browse() {
    "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --virtual-time-budget=2000 --allow-file-access-from-files "$@" 2>&1
}

# frame PAGE WIDTH HEIGHT: a page around it, since a window is never narrower than 500 pixels. Its
# title says how wide and tall the page is, and which elements stick out.
frame() {
    cat >"$out/frame.html" <<END
<!DOCTYPE html>
<html><body style="margin:0">
<iframe id="page" src="file://$1" style="border:0;width:$2px;height:$3px"></iframe>
<script>
page.onload = () => {
    const d = page.contentDocument, all = d.documentElement, wide = [];
    for (const e of d.querySelectorAll('body *')) {
        const r = e.getBoundingClientRect(), inner = e.closest('.scroll, .graph, svg');
        if (!inner && r.width > 0 && r.right > $2 + 1) wide.push(e.tagName + '.' + e.className);
    }
    document.title = [all.scrollWidth, all.scrollHeight, ...wide.slice(0, 4)].join(' ');
};
</script>
</body></html>
END
}

# look PAGE NAME WIDTH
look() {
    local dom wide tall what look flags
    frame "$1" "$3" 800
    dom=$(browse --enable-logging=stderr --dump-dom "file://$out/frame.html")
    read -r wide tall what < <(sed -n 's:.*<title>\(.*\)</title>.*:\1:p' <<<"$dom" | tail -1)
    [ "${wide:-0}" -gt 0 ] || { complain "$2: not shown at $3 pixels"; return; }
    grep -q CONSOLE <<<"$dom" && complain "$2: console: $(grep CONSOLE <<<"$dom" | head -2)"
    [ "$wide" -le "$3" ] && [ -z "$what" ] || complain "$2: $wide wide at $3 pixels: $what"
    frame "$1" "$3" "$tall"
    for look in light dark; do
        flags=()
        [ $look = dark ] && flags=(--blink-settings=preferredColorScheme=0)
        browse "${flags[@]}" --window-size="$3,$tall" --screenshot="$out/$2-$3-$look.png" \
            "file://$out/frame.html" >/dev/null
    done
}

for page in "$@"; do
    [ -f "$page" ] || { complain "$page: not there"; continue; }
    page=$(realpath "$page")
    name=$(basename "$(dirname "$page")")-$(basename "$page" .html)
    [ "$(stat -c %s "$page")" -lt 2000000 ] || complain "$name: over 2 MB"
    look "$page" "$name" 1280
    look "$page" "$name" 390
    browse --no-pdf-header-footer --print-to-pdf="$out/$name.pdf" "file://$page" >/dev/null
done
rm -f "$out/frame.html"
[ $bad = 0 ] && echo "$# pages: nothing cut off, nothing on the console"
exit $bad
