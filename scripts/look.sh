#!/usr/bin/env bash
# look.sh PAGE.html... : each page in headless Chromium, 1280 and 390 pixels wide, light and dark, and
# as paper. Pictures go to ${OUT:-looks}. Says what is not so: a page over 2 MB, anything on the
# console, something wider than the screen. Exit 77 where there is no Chromium.
set -u
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "no Chromium here"; exit 77; }
out=${OUT:-looks}
mkdir -p "$out"
bad=0
run() { "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=2000 "$@" 2>&1; }
complain() { echo "$*"; bad=1; }

# Widths are those of a frame, since a window is never narrower than 500 pixels; the frame tells the
# sizes of what it shows by its title.
frame() {
    cat <<END
<!DOCTYPE html><html><body style="margin:0"><iframe id="f" src="file://$1" style="border:0;width:$2px;height:${3}px"></iframe>
<script>f.onload = () => { let d = f.contentDocument, w = d.documentElement; let wide = [];
for (const x of d.querySelectorAll('body *')) { if (x.closest('.scroll,.graph,svg')) continue;
let r = x.getBoundingClientRect(); if (r.right > $2 + 1 && r.width > 0) wide.push(x.tagName + '.' + x.className); }
document.title = w.scrollWidth + ' ' + w.scrollHeight + ' ' + wide.slice(0, 4).join(','); }</script></body></html>
END
}

for page in "$@"; do
    [ -f "$page" ] || { complain "$page: not there"; continue; }
    page=$(realpath "$page")
    name=$(basename "$(dirname "$page")")-$(basename "$page" .html)
    [ "$(stat -c %s "$page")" -lt 2000000 ] || complain "$name: over 2 MB"
    for width in 1280 390; do
        frame "$page" $width 800 >"$out/frame.html"
        dom=$(run --allow-file-access-from-files --enable-logging=stderr --dump-dom "file://$(realpath "$out")/frame.html")
        title=$(sed -n 's:.*<title>\(.*\)</title>.*:\1:p' <<<"$dom" | tail -1)
        read -r wide tall what <<<"$title"
        grep -q 'CONSOLE' <<<"$dom" && complain "$name: console: $(grep CONSOLE <<<"$dom" | head -2)"
        [ "${wide:-0}" -gt 0 ] || complain "$name: not shown at $width"
        [ "${wide:-0}" -le $width ] && [ -z "${what:-}" ] || complain "$name: at $width it is $wide wide: $what"
        frame "$page" $width "${tall:-800}" >"$out/frame.html"
        for look in light dark; do
            flags=(); [ $look = dark ] && flags=(--blink-settings=preferredColorScheme=0)
            run --allow-file-access-from-files "${flags[@]}" --window-size=$width,"${tall:-800}" \
                --screenshot="$out/$name-$width-$look.png" "file://$(realpath "$out")/frame.html" >/dev/null
        done
    done
    run --no-pdf-header-footer --print-to-pdf="$out/$name.pdf" "file://$page" >/dev/null
done
rm -f "$out/frame.html"
[ $bad = 0 ] && echo "$# pages: nothing cut off, nothing on the console"
exit $bad
